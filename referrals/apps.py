from django.apps import AppConfig


class ReferralsConfig(AppConfig):
    name = "referrals"
    label = "referrals"
    verbose_name = "Referrals"

    def ready(self) -> None:
        from . import fraud_history, fraud_subjects
        from .causes import tell_the_ledger

        tell_the_ledger()
        fraud_subjects.register()
        fraud_history.register()
