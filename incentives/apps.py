from django.apps import AppConfig


class IncentivesConfig(AppConfig):
    name = "incentives"
    label = "incentives"
    verbose_name = "Incentives"

    def ready(self) -> None:
        from functools import partial

        from fraud import subjects
        from incenta.accounts import test_clock

        from . import expiring, farming, fraud_subjects, ledger, people
        from .dashboard import audit, overview, own_ids, person, search

        subjects.lock_wallets_with(partial(ledger.lock, create=False))
        fraud_subjects.register()
        people.tell()
        test_clock.sweep_with(farming.look, place=0)
        test_clock.sweep_with(expiring.expire, place=4, next=expiring.next_due)
        audit.register()
        overview.register()
        own_ids.register()
        person.register()
        search.register()
