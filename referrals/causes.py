"""What a user's ledger tells of the entries that this room is behind."""

from incentives.explaining import Explainer, explain_with

from .models import Conversion, Reward


def rewards(ids: list[str], found: list[list]) -> dict[str, dict]:
    return {
        id: {
            "text": f"{'Reward' if side == 'REFERRER' else 'Welcome reward'} of {name}, code {code}",
            "referralCode": code,
            "campaignId": campaign_id,
            "conversionId": conversion_id,
        }
        for id, side, code, campaign_id, name, conversion_id in found
    }


def conversions(ids: list[str], found: list[list]) -> dict[str, dict]:
    return {
        id: {"text": f"Purchase of {referee}, code {code}", "refereeId": referee, "referralCode": code}
        for id, referee, code in found
    }


def tell_the_ledger() -> None:
    """Names this room as the one that can tell; once, when it is ready."""
    explain_with(
        "rew",
        Explainer(
            lambda app, ids: Reward.objects.filter(app=app, pk__in=ids),
            ("id", "side", "referral__code", "campaign_id", "campaign__name", "conversion_id"),
            rewards,
        ),
    )
    explain_with(
        "conv",
        Explainer(
            lambda app, ids: Conversion.objects.filter(app=app, pk__in=ids),
            ("id", "referee_id", "referral__code"),
            conversions,
        ),
    )
