from django.apps import AppConfig


class ReferralsConfig(AppConfig):
    name = "referrals"
    label = "referrals"
    verbose_name = "Referrals"

    def ready(self) -> None:
        from incenta.accounts import test_clock

        from . import fraud_history, fraud_subjects, maturing, people
        from .causes import tell_the_ledger
        from .dashboard import audit, first_run, overview, own_ids, payouts, person, search

        tell_the_ledger()
        fraud_subjects.register()
        fraud_history.register()
        people.tell()
        test_clock.sweep_with(maturing.sweep, place=3, next=maturing.next_due)
        first_run.register()
        audit.register()
        overview.register()
        own_ids.register()
        payouts.register()
        person.register()
        search.register()
