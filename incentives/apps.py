from django.apps import AppConfig


class IncentivesConfig(AppConfig):
    name = "incentives"
    label = "incentives"
    verbose_name = "Incentives"

    def ready(self) -> None:
        from functools import partial

        from fraud import subjects

        from . import fraud_subjects, ledger, people
        from .dashboard import person

        subjects.lock_wallets_with(partial(ledger.lock, create=False))
        fraud_subjects.register()
        people.tell()
        person.register()
