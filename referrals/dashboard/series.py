"""A campaign day by day, and who brought most: what stands above and beside the funnel."""

from datetime import date, datetime, timedelta

from incenta.accounts.models import App
from incenta.database import sql

MOST_BARS = 120
"""Of one picture; where there are more days they are told by the week, or by the month."""

_DAYS = """
SELECT day, sum(clicks)::bigint, sum(conversions)::bigint FROM (
  SELECT day, clicks, conversions FROM referrals_statday
  WHERE app_id = %(app)s AND campaign_id = %(campaign)s AND day > %(since)s
  UNION ALL SELECT day, clicks, conversions FROM referrals_statdelta
  WHERE app_id = %(app)s AND campaign_id = %(campaign)s AND day > %(since)s
) s GROUP BY day
"""


def days_of(app: App, campaign_id: str, days: int, today: date) -> list[tuple[date, int, int]]:
    """``(day, clicks, conversions)`` of each of the last ``days`` days of the app's zone, today the last. One statement."""
    since = today - timedelta(days=days)
    counted = {
        day: (clicks, conversions)
        for day, clicks, conversions in sql.rows(_DAYS, {"app": app.pk, "campaign": campaign_id, "since": since})
    }
    each = (since + timedelta(days=number) for number in range(1, days + 1))
    return [(day, *counted.get(day, (0, 0))) for day in each]


def told_by(days: list[tuple[date, int, int]]) -> tuple[str, list[tuple[date, int, int]]]:
    """The same by the day, the week or the month, whatever has few enough bars, and what it is by."""
    for unit, first in (
        ("day", lambda day: day),
        ("week", lambda day: day - timedelta(days=day.weekday())),
        ("month", lambda day: day.replace(day=1)),
    ):
        summed: dict[date, list[int]] = {}
        for day, *counts in days:
            known = summed.setdefault(first(day), [0, 0])
            known[0] += counts[0]
            known[1] += counts[1]
        if len(summed) <= MOST_BARS or unit == "month":
            break
    return unit, [(day, clicks, conversions) for day, (clicks, conversions) in summed.items()]


_EACH = """
SELECT campaign_id, day, sum(conversions)::bigint FROM (
  SELECT campaign_id, day, conversions FROM referrals_statday
  WHERE app_id = %(app)s AND campaign_id = ANY(%(ids)s) AND day > %(since)s
  UNION ALL SELECT campaign_id, day, conversions FROM referrals_statdelta
  WHERE app_id = %(app)s AND campaign_id = ANY(%(ids)s) AND day > %(since)s
) s GROUP BY campaign_id, day
"""


def conversions_of(app: App, ids: list[str], days: int, today: date) -> dict[str, list[tuple[str, int]]]:
    """Campaign → ``(day, conversions)`` of each of the last ``days`` days. One statement for any number of campaigns."""
    since = today - timedelta(days=days)
    counted = {
        (campaign, day): count
        for campaign, day, count in sql.rows(_EACH, {"app": app.pk, "ids": list(ids), "since": since})
    }
    each = [since + timedelta(days=number) for number in range(1, days + 1)]
    return {campaign: [(day.isoformat(), counted.get((campaign, day), 0)) for day in each] for campaign in ids}


MOST_CONVERSIONS = 100_000
"""Up to here the campaign's conversions are counted by referrer while the page waits."""
MOST_REFERRERS = 5
_TOP = """
SELECT referrer_id, count(*) FROM referrals_conversion
WHERE app_id = %(app)s AND campaign_id = %(campaign)s AND status = 'CONVERTED' {since}
GROUP BY referrer_id ORDER BY 2 DESC, 1 LIMIT {most}
"""
_TOP_EVER = _TOP.format(since="", most=MOST_REFERRERS)
_TOP_SINCE = _TOP.format(since="AND converted_at >= %(since)s", most=MOST_REFERRERS)


def top_referrers(
    app: App, campaign_id: str, conversions: int, since: datetime | None = None
) -> list[tuple[str, int]] | None:
    """``(user id, conversions)`` of those who brought most, ever or since then; ``None`` where ``conversions``, how many there are,
    are too many to count at once."""
    if not conversions:
        return []
    if conversions > MOST_CONVERSIONS:
        return None
    asked = {"app": app.pk, "campaign": campaign_id, "since": since}
    return [(user, count) for user, count in sql.rows(_TOP_SINCE if since else _TOP_EVER, asked)]
