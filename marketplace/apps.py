from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    name = "marketplace"
    label = "marketplace"
    verbose_name = "Marketplace"

    def ready(self) -> None:
        from incenta.accounts import test_clock
        from incentives import ledger
        from incentives.explaining import explain_with
        from incentives.redemption_review import shelve

        from . import expiring, people, settlement
        from .dashboard import overview, own_ids, person, search
        from .redemptions import EXPLAINER
        from .review_shelf import Market

        explain_with("rdm", EXPLAINER)
        shelve(Market())
        ledger.verify_with(settlement.verify)
        people.tell()
        test_clock.sweep_with(expiring.expire, place=5, next=expiring.next_due)
        overview.register()
        own_ids.register()
        person.register()
        search.register()
