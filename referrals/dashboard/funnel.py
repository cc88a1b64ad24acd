"""How far the codes of a campaign came. It counts codes, each once, so it narrows only where people drop out."""

from incenta.accounts.models import App
from incenta.database import sql

MOST_CODES = 100_000
"""Up to here the codes are counted while the page waits (about 0.2 s); beyond, the page says why there is no funnel."""

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
    names = ("Codes created", CLICKED, "Converted", "Reward approved", "Reward paid")
    return narrowing(list(zip(names, counts, strict=True)))
