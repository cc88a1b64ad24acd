"""The figures of campaigns and codes: folded totals plus what is pending, exact at commit, at any table size in one statement."""

from decimal import ROUND_HALF_UP, Decimal

from incenta import money
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import NotFound

from .models.stat import COUNTED

_SUMS = ", ".join(f"coalesce(sum(s.{name}), 0)::bigint" for name in COUNTED)
_COLUMNS = ", ".join(COUNTED)

_OF_APP = f"""
SELECT s.asset, {_SUMS}
FROM (
  SELECT asset, {_COLUMNS} FROM referrals_campaigntotal WHERE app_id = %(app_id)s
  UNION ALL SELECT asset, {_COLUMNS} FROM referrals_statdelta WHERE app_id = %(app_id)s
) s GROUP BY s.asset
"""
_OF_CAMPAIGN = f"""
SELECT s.asset, {_SUMS}
FROM referrals_campaign c
LEFT JOIN (
  SELECT asset, {_COLUMNS} FROM referrals_campaigntotal WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s
  UNION ALL SELECT asset, {_COLUMNS} FROM referrals_statdelta WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s
) s ON true
WHERE c.app_id = %(app_id)s AND c.id = %(campaign_id)s GROUP BY s.asset
"""


def stats(app: App, campaign_id: str | None = None) -> dict:
    """The answer of ``GET /v1/stats``. Raises ``NotFound`` ``campaign_not_found``.

    Over a whole app with several currencies, ``totalRewardValue`` counts the app's own; ``rewardValues`` tells all of them.
    """
    read = sql.rows(_OF_CAMPAIGN if campaign_id else _OF_APP, {"app_id": app.pk, "campaign_id": campaign_id})
    if campaign_id and not read:
        raise NotFound("campaign_not_found", "Campaign not found.")
    referrals, clicks, conversions, flagged = (sum(row[1 + place] for row in read) for place in range(4))
    values = {row[0]: row[5] for row in read if row[0] is not None}
    paid_in = sorted(
        (asset for asset, value in values.items() if value),
        key=lambda asset: (asset != app.currency, asset == money.COIN, asset),
    )
    asset = paid_in[0] if paid_in else next(iter(values), app.currency)
    return {
        "totalReferrals": referrals,
        "totalClicks": clicks,
        "totalConversions": conversions,
        "conversionRate": rate(conversions, clicks),
        "totalRewardValue": money.to_number(values.get(asset, 0), asset),
        "currency": asset,
        "rewardValues": [{"currency": name, "amount": money.to_number(values[name], name)} for name in paid_in],
        "flaggedConversions": flagged,
        "campaignId": campaign_id,
    }


def rate(conversions: int, clicks: int) -> int | float:
    """Conversions of a hundred clicks, one decimal, half up; 0 without clicks. 34 of 89 is 38.2."""
    if not clicks:
        return 0
    percent = (Decimal(conversions) * 100 / clicks).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    return int(percent) if percent == percent.to_integral_value() else float(percent)


_OF_REFERRALS = f"""
SELECT s.referral_id, s.asset, {_SUMS}
FROM (
  SELECT referral_id, asset, {_COLUMNS} FROM referrals_referraltotal WHERE app_id = %(app_id)s AND referral_id = ANY(%(ids)s)
  UNION ALL SELECT referral_id, asset, {_COLUMNS} FROM referrals_statdelta WHERE app_id = %(app_id)s AND referral_id = ANY(%(ids)s)
) s GROUP BY s.referral_id, s.asset
"""


def of_referrals(app: App, ids: list[str]) -> dict[str, dict]:
    """For each code: ``{clicks, conversions, flagged, rewards: {asset: minor}}``. One statement for any number of codes."""
    figures = {each: {"clicks": 0, "conversions": 0, "flagged": 0, "rewards": {}} for each in ids}
    for referral_id, asset, _, clicks, conversions, flagged, reward in sql.rows(
        _OF_REFERRALS, {"app_id": app.pk, "ids": list(ids)}
    ):
        known = figures[referral_id]
        known["clicks"] += clicks
        known["conversions"] += conversions
        known["flagged"] += flagged
        if reward:
            known["rewards"][asset] = reward
    return figures


def of_campaigns(app: App, ids: list[str]) -> dict[str, dict]:
    """For each campaign: ``{referrals, clicks, conversions, flagged, rewards: {asset: minor}, rate}``. One statement."""
    statement = f"""
    SELECT s.campaign_id, s.asset, {_SUMS}
    FROM (
      SELECT campaign_id, asset, {_COLUMNS} FROM referrals_campaigntotal WHERE app_id = %(app_id)s AND campaign_id = ANY(%(ids)s)
      UNION ALL SELECT campaign_id, asset, {_COLUMNS} FROM referrals_statdelta WHERE app_id = %(app_id)s AND campaign_id = ANY(%(ids)s)
    ) s GROUP BY s.campaign_id, s.asset
    """
    figures = {each: {"referrals": 0, "clicks": 0, "conversions": 0, "flagged": 0, "rewards": {}} for each in ids}
    for campaign_id, asset, *counts in sql.rows(statement, {"app_id": app.pk, "ids": list(ids)}):
        known = figures[campaign_id]
        for name, count in zip(COUNTED[:4], counts, strict=False):
            known[name] += count
        if counts[4]:
            known["rewards"][asset] = counts[4]
    for known in figures.values():
        known["rate"] = rate(known["conversions"], known["clicks"])
    return figures


_DELTA = """
INSERT INTO referrals_statdelta (app_id, campaign_id, referral_id, asset, day, referrals, clicks, conversions, flagged, reward_minor)
VALUES (%(app_id)s, %(campaign_id)s, %(referral_id)s, %(asset)s, %(day)s::date, 0, 0, %(conversions)s, %(flagged)s, %(reward_minor)s)
"""


def delta(
    app: App,
    *,
    campaign_id: str,
    referral_id: str,
    asset: str,
    day: str,
    conversions: int = 0,
    flagged: int = 0,
    reward_minor: int = 0,
) -> None:
    """Notes a change of the figures in the caller's transaction."""
    sql.execute(
        _DELTA,
        {
            "app_id": app.pk,
            "campaign_id": campaign_id,
            "referral_id": referral_id,
            "asset": asset,
            "day": day,
            "conversions": conversions,
            "flagged": flagged,
            "reward_minor": reward_minor,
        },
    )


def _folding(table: str, keys: str) -> str:
    sums = ", ".join(f"sum({name})" for name in COUNTED)
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in COUNTED)
    return f"""(
  INSERT INTO {table} ({keys}, {_COLUMNS}) SELECT {keys}, {sums} FROM gone GROUP BY {keys} ORDER BY {keys}
  ON CONFLICT ({keys}) DO UPDATE SET {added}
)"""


# An array is looked up once. "IN (SELECT … LIMIT … FOR UPDATE)" may be looked up for every row, and then takes more than it says.
_FOLD = f"""
WITH gone AS (
  DELETE FROM referrals_statdelta
  WHERE id = ANY(ARRAY(SELECT id FROM referrals_statdelta ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED)) RETURNING *
),
day AS {_folding("referrals_statday", "app_id, campaign_id, asset, day")},
total AS {_folding("referrals_campaigntotal", "app_id, campaign_id, asset")},
code AS {_folding("referrals_referraltotal", "app_id, referral_id, asset")}
SELECT count(*) FROM gone
"""


MOST_FOLDED = 10_000


def fold(most: int = MOST_FOLDED) -> int:
    """Folds pending deltas into the totals, in one statement, so that whoever reads sees each exactly once. Answers how many."""
    with sql.transaction_joined():
        # one folder at a time: two would wait for each other's totals in turn
        if not sql.row("SELECT pg_try_advisory_xact_lock(hashtext('referrals.fold'))")[0]:
            return 0
        return sql.row(_FOLD, {"most": most})[0]


_RECOUNT = """
SELECT
  (SELECT count(*) FROM referrals_referral WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s),
  (SELECT count(*) FROM referrals_click WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s),
  (SELECT count(*) FROM referrals_conversion WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s AND status = 'CONVERTED'),
  (SELECT count(*) FROM referrals_conversion WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s AND status = 'FLAGGED'),
  (SELECT coalesce(json_object_agg(asset, worth), '{}') FROM (
    SELECT r.asset, sum(r.amount_minor - r.reversed_minor)::bigint AS worth
    FROM referrals_reward r JOIN referrals_conversion c ON c.id = r.conversion_id
    WHERE r.app_id = %(app_id)s AND r.campaign_id = %(campaign_id)s AND c.status = 'CONVERTED' AND r.status <> 'CANCELLED'
    GROUP BY r.asset) x)
"""


def recount(app: App, campaign_id: str) -> dict:
    """The same figures counted from the rows themselves, for the proof that the fast ones are right: ``{…, rewards: {asset: minor}}``."""
    referrals, clicks, conversions, flagged, rewards = sql.row(_RECOUNT, {"app_id": app.pk, "campaign_id": campaign_id})
    return {
        "referrals": referrals,
        "clicks": clicks,
        "conversions": conversions,
        "flagged": flagged,
        "rewards": {a: w for a, w in rewards.items() if w},
    }
