from django.apps import AppConfig


class ReferralsConfig(AppConfig):
    name = "referrals"
    label = "referrals"
    verbose_name = "Referrals"

    def ready(self) -> None:
        from . import fraud_history, fraud_subjects, people
        from .causes import tell_the_ledger
        from .dashboard import person

        tell_the_ledger()
        fraud_subjects.register()
        fraud_history.register()
        people.tell()
        person.register()
