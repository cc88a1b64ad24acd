"""How far the codes of a campaign came. It counts codes, each once, so it narrows only where people drop out."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from incenta.accounts.models import App
from incenta.database import sql

MOST_CODES = 20_000
"""Up to here the codes are counted while the page waits; beyond, the page says why there is no funnel."""

_STEPS = """
WITH code AS (
  SELECT id FROM referrals_referral WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s
), reward AS (
  SELECT referral_id, bool_or(status IN ('APPROVED', 'PAID')) AS approved, bool_or(status = 'PAID') AS paid
  FROM referrals_reward WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s GROUP BY referral_id
)
SELECT
  (SELECT count(*) FROM code),
  (SELECT count(DISTINCT referral_id) FROM referrals_click WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s),
  (SELECT count(DISTINCT referral_id) FROM referrals_conversion
   WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s AND status = 'CONVERTED'),
  (SELECT count(*) FROM reward WHERE approved),
  (SELECT count(*) FROM reward WHERE paid)
"""


CLICKED = "Clicked"
NAMES = ("Codes created", CLICKED, "Converted", "Reward approved", "Reward paid")


def narrowing(steps: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The steps without the clicks, where more codes converted than were clicked: such orders are reported without a click, and
    a step that widens says nothing of who dropped out."""
    counts = dict(steps)
    return [step for step in steps if step[0] != CLICKED or counts[CLICKED] >= counts["Converted"]]


def funnel_of(app: App, campaign_id: str, codes: int) -> list[tuple[str, int]] | None:
    """``(step, codes that reached it)``; empty without codes, ``None`` where there are too many to count at once."""
    if not codes:
        return []
    if codes > MOST_CODES:
        return None
    counts = sql.row(_STEPS, {"app_id": app.pk, "campaign_id": campaign_id})
    return narrowing(list(zip(NAMES, counts, strict=True)))


MOST_FOLLOWED = 10_000
"""So many of a span's codes are followed while the page waits; beyond, there is no funnel."""


def _since(of_campaign: str = "") -> str:
    """Codes, each once. What was folded is read by the code's own key; what is pending stands in the same sum."""
    return f"""
WITH looked_at AS MATERIALIZED (
  SELECT id FROM referrals_referral WHERE app_id = %(app)s AND created_at >= %(since)s {of_campaign}
  ORDER BY created_at DESC, id DESC LIMIT {MOST_FOLLOWED + 1}
), code AS (
  SELECT id FROM looked_at WHERE (SELECT count(*) FROM looked_at) <= {MOST_FOLLOWED}
), figure AS (
  SELECT f.referral_id, sum(f.clicks) AS clicks, sum(f.conversions) AS conversions FROM (
    SELECT t.referral_id, t.clicks, t.conversions FROM referrals_referraltotal t
    JOIN code ON t.app_id = %(app)s AND t.referral_id = code.id
    UNION ALL SELECT d.referral_id, d.clicks, d.conversions FROM referrals_statdelta d
    JOIN code ON d.app_id = %(app)s AND d.referral_id = code.id
  ) f GROUP BY f.referral_id
), reward AS (
  SELECT r.referral_id, bool_or(r.status IN ('APPROVED', 'PAID')) AS approved, bool_or(r.status = 'PAID') AS paid
  FROM referrals_reward r JOIN figure ON figure.referral_id = r.referral_id AND figure.conversions > 0
  WHERE r.app_id = %(app)s GROUP BY r.referral_id
)
SELECT (SELECT count(*) FROM looked_at),
  (SELECT count(*) FROM figure WHERE clicks > 0), (SELECT count(*) FROM figure WHERE conversions > 0),
  (SELECT count(*) FROM reward WHERE approved), (SELECT count(*) FROM reward WHERE paid)
"""


_OF_APP, _OF_CAMPAIGN = _since(), _since("AND campaign_id = %(campaign)s")


def funnel_since(app: App, since: datetime, campaign_id: str = "") -> list[tuple[str, int]] | None:
    """How far the codes came that were made since then, of the app or of one campaign; empty and ``None`` as above."""
    asked = {"app": app.pk, "since": since, "campaign": campaign_id}
    counts = sql.row(_OF_CAMPAIGN if campaign_id else _OF_APP, asked)
    if counts[0] > MOST_FOLLOWED:
        return None
    return narrowing(list(zip(NAMES, counts, strict=True))) if counts[0] else []


def midnight_of(app: App, day: date) -> datetime:
    """The first moment of a day in the app's zone."""
    return datetime.combine(day, time.min, ZoneInfo(app.timezone))
