"""What a user's ledger tells of the entries that this room is behind."""

from incenta.accounts.models import App
from incentives.explaining import explain_with

from .models import Conversion, Reward


def rewards(app: App, ids: list[str]) -> dict[str, dict]:
    found = Reward.objects.filter(app=app, pk__in=ids).values_list(
        "pk", "side", "referral__code", "campaign_id", "campaign__name", "conversion_id"
    )
    return {
        id: {
            "text": f"{'Reward' if side == 'REFERRER' else 'Welcome reward'} of {name}, code {code}",
            "referralCode": code,
            "campaignId": campaign_id,
            "conversionId": conversion_id,
        }
        for id, side, code, campaign_id, name, conversion_id in found
    }


def conversions(app: App, ids: list[str]) -> dict[str, dict]:
    found = Conversion.objects.filter(app=app, pk__in=ids).values_list("pk", "referee_id", "referral__code")
    return {
        id: {"text": f"Purchase of {referee}, code {code}", "refereeId": referee, "referralCode": code}
        for id, referee, code in found
    }


def tell_the_ledger() -> None:
    """Names this room as the one that can tell; once, when it is ready."""
    explain_with("rew", rewards)
    explain_with("conv", conversions)
