from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    name = "marketplace"
    label = "marketplace"
    verbose_name = "Marketplace"

    def ready(self) -> None:
        from incentives import ledger
        from incentives.explaining import explain_with

        from . import settlement
        from .redemptions import explain

        explain_with("rdm", explain)
        ledger.verify_with(settlement.verify)
