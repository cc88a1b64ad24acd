"""One person's figures: what they shared, what came of it, and what they earned. Three statements at any number of codes."""

from incenta import clock, money
from incenta.accounts.models import App
from incenta.database import sql

MOST_CODES = 100
"""How many of a person's codes are listed, the newest ones; the totals count all."""

_MADE = """
WITH mine AS (SELECT id, code, created_at FROM referrals_referral WHERE app_id = %(app_id)s AND referrer_id = %(user_id)s),
figures AS (
  SELECT f.referral_id, sum(f.clicks) AS clicks, sum(f.conversions) AS conversions FROM (
    SELECT t.referral_id, t.clicks, t.conversions FROM referrals_referraltotal t
    JOIN mine ON t.app_id = %(app_id)s AND t.referral_id = mine.id
    UNION ALL SELECT d.referral_id, d.clicks, d.conversions FROM referrals_statdelta d
    JOIN mine ON d.app_id = %(app_id)s AND d.referral_id = mine.id
  ) f GROUP BY f.referral_id
)
SELECT count(*), count(*) FILTER (WHERE clicks > 0), count(*) FILTER (WHERE conversions > 0),
  (SELECT coalesce(array_agg(code), '{}') FROM (SELECT code FROM mine ORDER BY created_at DESC, id DESC LIMIT %(most)s) newest)
FROM mine LEFT JOIN figures ON figures.referral_id = mine.id
"""
# Codes that were made for this person, and codes on which this person converted: each once, whichever it is, or both.
_RECEIVED = """
WITH used AS (
  SELECT referral_id, status, converted_at FROM referrals_conversion WHERE app_id = %(app_id)s AND referee_id = %(user_id)s
),
received AS (
  SELECT referral_id FROM used
  UNION SELECT id FROM referrals_referral WHERE app_id = %(app_id)s AND referee_id = %(user_id)s
)
SELECT (SELECT count(*) FROM received), count(*) FILTER (WHERE status = 'CONVERTED'),
  min(converted_at) FILTER (WHERE status = 'CONVERTED'),
  (SELECT coalesce(array_agg(r.code ORDER BY newest.converted_at), '{}')
   FROM (SELECT referral_id, converted_at FROM used ORDER BY converted_at DESC LIMIT %(most)s) newest
   JOIN referrals_referral r ON r.id = newest.referral_id)
FROM used
"""
_EARNED = """
SELECT asset, sum(amount_minor - reversed_minor)::bigint,
  coalesce(sum(amount_minor - reversed_minor) FILTER (WHERE status IN ('PENDING', 'APPROVED')), 0)::bigint,
  coalesce(sum(amount_minor - reversed_minor) FILTER (WHERE status = 'PAID'), 0)::bigint
FROM referrals_reward WHERE app_id = %(app_id)s AND user_id = %(user_id)s AND status <> 'CANCELLED' GROUP BY asset
"""


def of_user(app: App, user_id: str) -> dict:
    """The answer of ``GET /v1/users/{userId}/stats``; an unknown user has made nothing, which is not an error.

    ``rewardsEarned`` counts the app's currency where there is any; ``rewardsByCurrency`` tells all.
    """
    asked = {"app_id": app.pk, "user_id": user_id, "most": MOST_CODES}
    total, clicked, converted, generated = sql.row(_MADE, asked)
    received, good, first_at, used = sql.row(_RECEIVED, asked)
    earned = {asset: sums for asset, *sums in sql.rows(_EARNED, asked)}
    asset = (
        app.currency
        if app.currency in earned or not earned
        else min(earned, key=lambda each: (each == money.COIN, each))
    )
    return {
        "userId": user_id,
        "referralsMade": {"total": total, "clicked": clicked, "converted": converted},
        "referralsReceived": {"total": received, "converted": good, "firstConvertedAt": clock.iso(first_at)}
        if received
        else None,
        "rewardsEarned": _sums(asset, earned.get(asset, (0, 0, 0))) | {"currency": asset},
        "rewardsByCurrency": [{"currency": each, **_sums(each, sums)} for each, sums in sorted(earned.items())],
        "referralCodesGenerated": generated,
        "referralCodesUsed": used,
    }


def _sums(asset: str, sums) -> dict:
    return {name: money.to_number(value, asset) for name, value in zip(("total", "pending", "paid"), sums, strict=True)}
