"""The public face of each noun, once: what the API answers and what webhooks carry, as it was when it happened."""

from datetime import datetime

from django.conf import settings

from incenta import clock, money


def referral_url(slug: str) -> str:
    return f"{settings.BASE_URL}/r/{slug}"


def made_referral(row: dict) -> dict:
    """The answer of ``POST /v1/referrals``. The last three are null when clean."""
    return {
        "referralCode": row["code"],
        "referralId": row["id"],
        "referralUrl": referral_url(row["slug"]),
        "status": "FLAGGED" if row["is_flagged"] else "PENDING",
        "warning": row["warning"],
        "reasons": row["reasons"],
        "riskScore": row["risk_score"],
    }


def referral_created(row: dict) -> dict:
    """``REFERRAL_CREATED``."""
    return {
        "referralId": row["id"],
        "referralCode": row["code"],
        "referrerId": row["referrer_id"],
        "refereeId": row["referee_id"],
        "campaignId": row["campaign_id"],
        "status": "FLAGGED" if row["is_flagged"] else "PENDING",
        "riskScore": row["risk_score"],
        "warning": row["warning"],
        "reasons": row["reasons"],
    }


def referral_clicked(
    *, referral_id: str, code: str, click_id: str, clicked_at: datetime, campaign_id: str, referee_id: str | None
) -> dict:
    """``REFERRAL_CLICKED``."""
    return {
        "referralId": referral_id,
        "referralCode": code,
        "clickId": click_id,
        "clickedAt": clock.iso(clicked_at),
        "campaignId": campaign_id,
        "refereeId": referee_id,
    }


def made_conversion(row: dict, *, code: str, reward_id: str | None) -> dict:
    """The answer of ``POST /v1/conversions``."""
    return {
        "success": True,
        "referralId": row["referral_id"],
        "conversionId": row["id"],
        "rewardAmount": money.to_number(row["reward_minor"], row["reward_asset"]),
        "rewardCreated": reward_id is not None,
        "rewardId": reward_id,
        # as it was at first, whatever a review has decided since: the same order sent again answers the same
        "status": "FLAGGED" if row["trace"]["risk"]["outcome"] == "held" else "COMPLETED",
        "refereeId": row["referee_id"],
        "referrerId": row["referrer_id"],
        "originalReferralCode": code,
        "warning": row["warning"],
        "reasons": row["reasons"],
        "riskScore": row["risk_score"],
    }


def referral_converted(row: dict, *, code: str) -> dict:
    """``REFERRAL_CONVERTED``."""
    return {
        "referralId": row["referral_id"],
        "referralCode": code,
        "conversionId": row["id"],
        "refereeId": row["referee_id"],
        "referrerId": row["referrer_id"],
        "amount": None if row["amount_minor"] is None else money.to_number(row["amount_minor"], row["currency"]),
        "currency": row["currency"],
        "rewardAmount": money.to_number(row["reward_minor"], row["reward_asset"]),
        "convertedAt": clock.iso(row["converted_at"]),
        "campaignId": row["campaign_id"],
        "status": row["status"],
        "riskScore": row["risk_score"],
        "warning": row["warning"],
        "reasons": row["reasons"],
    }


def reward_created(row: dict, *, referrer_id: str, hold_reasons: list[str]) -> dict:
    """``REWARD_CREATED``."""
    amount = money.to_number(row["amount_minor"], row["asset"])
    return {
        "rewardId": row["id"],
        "referralId": row["referral_id"],
        "conversionId": row["conversion_id"],
        "userId": row["user_id"],
        "referrerId": referrer_id,
        "amount": amount,
        "rewardAmount": amount,
        "currency": row["asset"],
        "campaignId": row["campaign_id"],
        "level": row["level"],
        "side": row["side"],
        "status": row["status"],
        "holdReasons": hold_reasons,
        "fulfillmentType": row["fulfillment_type"],
    }


def conversion_item(conversion, *, code: str, campaign_name: str) -> dict:
    """An item of ``GET /v1/conversions``."""
    return {
        "id": conversion.pk,
        "referralCode": code,
        "referrerId": conversion.referrer_id,
        "refereeId": conversion.referee_id,
        "status": conversion.status,
        "amount": None
        if conversion.amount_minor is None
        else money.to_number(conversion.amount_minor, conversion.currency),
        "reversedAmount": money.to_number(conversion.reversed_minor, conversion.currency),
        "currency": conversion.currency,
        "rewardAmount": money.to_number(conversion.reward_minor, conversion.reward_asset),
        "rewardCurrency": conversion.reward_asset,
        "level": 1,
        "originalReferralCode": code,
        "externalId": conversion.external_id,
        "riskScore": conversion.risk_score,
        "warning": conversion.warning,
        "reasons": conversion.reasons,
        "ruleVersion": conversion.rule_version,
        "metadata": conversion.metadata,
        "convertedAt": clock.iso(conversion.converted_at),
        "Campaign": {"id": conversion.campaign_id, "name": campaign_name},
    }
