"""A rule set in shadow: it judges beside the rules in force, and what it would have done is compared with what was done."""

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql

from .backtesting import window_of
from .models import FraudChange, RuleSet, RuleSetState

_SHADOW = """
SELECT count(*), count(*) FILTER (WHERE would AND NOT does), count(*) FILTER (WHERE does AND NOT would),
  count(*) FILTER (WHERE would AND does)
FROM (
  SELECT shadow_action IN ('HOLD', 'BLOCK') AS would, action IN ('HOLD', 'BLOCK') AS does FROM fraud_score
  WHERE app_id = %(app_id)s AND at >= %(since)s AND shadow_action IS NOT NULL
    AND (%(campaign_id)s = '' OR campaign_id = %(campaign_id)s) AND NOT coalesce(campaign_id, '') = ANY(%(others)s)
) s
"""


def view(app: App, rule_set: RuleSet) -> dict | None:
    """What a rule set in shadow would have done since it is there, against what was done. ``None`` where it is not in shadow."""
    if rule_set.state != RuleSetState.SHADOW:
        return None
    put = app.fraud_changes.filter(noun=FraudChange.Noun.RULES, subject_id=rule_set.pk, kind="shadowed")
    since = put.order_by("-version").values_list("at", flat=True).first() or rule_set.created_at
    window = window_of(app, rule_set, since, since)
    scores, more, less, both = sql.row(_SHADOW, window)
    return {"since": clock.iso(since), "scores": scores, "wouldHold": more, "wouldNotHold": less, "bothHold": both}
