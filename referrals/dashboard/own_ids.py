"""What the documents' examples of this room are filled with: the app's latest."""

from incenta.accounts.models import App
from incenta.docs.own import Own, fill_with


def campaign(app: App) -> str | None:
    """The newest that runs; else the newest."""
    newest = app.campaigns.order_by("-created_at", "-id").values_list("pk", "declared_status")[:50]
    return next((pk for pk, status in newest if status == "ACTIVE"), newest[0][0] if newest else None)


def code(app: App) -> str | None:
    return app.referrals.order_by("-created_at", "-id").values_list("code", flat=True).first()


def conversion(app: App) -> str | None:
    return app.conversions.order_by("-converted_at", "-id").values_list("pk", flat=True).first()


def reward(app: App) -> str | None:
    return app.rewards.order_by("-created_at", "-id").values_list("pk", flat=True).first()


def register() -> None:
    """Says so; once, when the room is ready."""
    fill_with(
        "referrals",
        Own("CAMPAIGN", ("campaignId",), campaign, steady=True),
        Own("CODE", ("referralCode", "referrals/code"), code),
        Own("CONVERSION", ("conversionId",), conversion),
        Own("REWARD", ("rewardId",), reward),
    )
