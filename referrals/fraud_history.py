"""What the second pass of fraud wants to know of this room: the story of a conversion or of a code, in a bounded number of statements."""

from datetime import timedelta

from fraud import histories
from fraud.histories import MOST_EARLIER, Base, Crowd, Deed, Step, Story
from fraud.models import Subject
from fraud.scoring import Thresholds
from incenta.accounts.models import App
from incenta.database import sql

from .models import Campaign, Conversion, Referral
from .models.conversion import ConversionStatus
from .models.referral import ReferralStatus

LONGEST_PATH = 8
MOST_CLICKS = 5_000
MOST_CODES = 200
MOST_OF_BASE = 300
SILENT_AFTER = timedelta(days=14)

# What was taken back as fraud is no refund: its conversion has a rejected flag.
_REFUNDED = """(SELECT min(v.created_at) FROM referrals_reversal v WHERE v.conversion_id = c.id
    AND NOT EXISTS (SELECT FROM fraud_flag f WHERE f.app_id = %(app_id)s AND f.subject_id = c.id AND f.status = 'REJECTED'))"""
_LAST_SEEN = """greatest(
    (SELECT max(at) FROM (SELECT at FROM fraud_sighting s WHERE s.app_id = %(app_id)s AND s.user_id = c.referee_id
      ORDER BY at DESC LIMIT 1) x),
    (SELECT max(occurred_at) FROM (SELECT occurred_at FROM incentives_activity a
      WHERE a.app_id = %(app_id)s AND a.user_id = c.referee_id LIMIT 50) x),
    (SELECT max(o.converted_at) FROM referrals_conversion o WHERE o.app_id = %(app_id)s AND o.referee_id = c.referee_id),
    (SELECT max(created_at) FROM (SELECT created_at FROM referrals_referral r
      WHERE r.app_id = %(app_id)s AND r.referrer_id = c.referee_id ORDER BY created_at DESC LIMIT 1) x))"""

_HELD = """(c.status = 'FLAGGED' OR c.status = 'REVERSED' AND EXISTS (
    SELECT FROM fraud_flag h WHERE h.app_id = %(app_id)s AND h.subject_id = c.id AND h.status = 'REJECTED'))"""

_DEEDS = f"""
SELECT c.id, c.converted_at, c.referee_id, c.amount_minor,
  (SELECT min(coalesce(r.paid_at, r.approved_at)) FROM referrals_reward r WHERE r.conversion_id = c.id AND r.side = 'REFERRER'),
  {_REFUNDED},
  (SELECT min(d.converted_at) FROM referrals_conversion d
   WHERE d.app_id = %(app_id)s AND d.campaign_id = %(campaign_id)s AND d.referrer_id = c.referee_id),
  {_LAST_SEEN},
  c.referral_id, {_HELD}
FROM (
  SELECT * FROM referrals_conversion
  WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s AND referrer_id = %(referrer_id)s
  ORDER BY converted_at DESC LIMIT {MOST_EARLIER}) c
ORDER BY c.converted_at DESC, c.id DESC
"""

# of other referrers, at most ten each, so that nobody makes himself what is usual
_BASE = f"""
SELECT count(*), count(*) FILTER (WHERE refunded IS NOT NULL),
  count(*) FILTER (WHERE converted_at < %(grown)s),
  count(*) FILTER (WHERE converted_at < %(grown)s AND coalesce(last_seen, converted_at) < converted_at + interval '1 day'),
  count(*) FILTER (WHERE upward > converted_at - interval '6 hours')
FROM (
  SELECT c.converted_at, {_REFUNDED} AS refunded, {_LAST_SEEN} AS last_seen,
    (SELECT max(u.converted_at) FROM referrals_conversion u
     WHERE u.app_id = %(app_id)s AND u.campaign_id = %(campaign_id)s AND u.referee_id = c.referrer_id) AS upward
  FROM (
    SELECT *, row_number() OVER (PARTITION BY referrer_id ORDER BY converted_at DESC) AS place FROM (
      SELECT * FROM (SELECT * FROM referrals_conversion WHERE app_id = %(app_id)s ORDER BY converted_at DESC, id DESC LIMIT 1000) newest
      WHERE campaign_id = %(campaign_id)s AND referrer_id <> %(referrer_id)s) others) c
  WHERE c.place <= 10 LIMIT {MOST_OF_BASE}) b
"""

_PATH = f"""
WITH RECURSIVE up AS (
  SELECT c.id, c.referrer_id, c.referee_id, c.converted_at, {_HELD} AS is_held, 1 AS depth
  FROM referrals_conversion c WHERE c.id = %(id)s
  UNION ALL
  SELECT n.id, n.referrer_id, n.referee_id, n.converted_at, n.is_held, up.depth + 1 FROM up CROSS JOIN LATERAL (
    SELECT c.id, c.referrer_id, c.referee_id, c.converted_at, {_HELD} AS is_held FROM referrals_conversion c
    WHERE c.app_id = %(app_id)s AND c.referee_id = up.referrer_id AND c.campaign_id = %(campaign_id)s
    ORDER BY c.converted_at LIMIT 1) n
  WHERE up.depth < {LONGEST_PATH}
)
SELECT id, referrer_id, referee_id, converted_at, (SELECT count(*) FROM (SELECT FROM referrals_conversion c
  WHERE c.app_id = %(app_id)s AND c.campaign_id = %(campaign_id)s AND c.referrer_id = up.referrer_id LIMIT 2) n), is_held
FROM up ORDER BY depth
"""

_CLICKERS = f"""
SELECT count(DISTINCT coalesce(referee_id, id)) FROM (
  SELECT id, referee_id FROM referrals_click WHERE app_id = %(app_id)s AND referral_id = %(code_id)s LIMIT {MOST_CLICKS}) k
"""
_USUAL_CLICKERS = f"""
SELECT coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY n), 0) FROM (
  SELECT count(*) AS n FROM (
    SELECT referral_id FROM referrals_click WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s
    ORDER BY id DESC LIMIT {MOST_CLICKS}) k
  WHERE referral_id <> %(code_id)s GROUP BY referral_id LIMIT {MOST_CODES}) codes
"""


class Conversions:
    """CONVERSION."""

    def story(self, app: App, subject_id: str) -> Story | None:
        found = Conversion.objects.filter(app=app, pk=subject_id).select_related("campaign").defer("trace").first()
        if found is None:
            return None
        asked = {
            "app_id": app.pk,
            "campaign_id": found.campaign_id,
            "referrer_id": found.referrer_id,
            "id": found.pk,
            "grown": found.converted_at - SILENT_AFTER,
        }
        return Story(
            subject_type=Subject.CONVERSION,
            subject_id=found.pk,
            referrer_id=found.referrer_id,
            referee_id=found.referee_id,
            at=found.converted_at,
            is_held=found.status == ConversionStatus.FLAGGED,
            is_over=found.status == ConversionStatus.REVERSED,
            deeds=tuple(Deed(*row) for row in sql.rows(_DEEDS, asked)),
            base=_base(asked),
            path=tuple(Step(*row) for row in sql.rows(_PATH, asked)),
            crowd=_crowd(app, found.campaign_id, found.referral_id),
            **_of_campaign(found.campaign),
        )

    def tell(self, app: App, subject_id: str, *, score: int, warning: str | None, reasons: list[dict] | None) -> None:
        told = {"risk_score": score, "warning": warning, "reasons": reasons}
        Conversion.objects.filter(app=app, pk=subject_id).update(**told)


class Referrals:
    """REFERRAL: a code, without a friend's deed yet."""

    def story(self, app: App, subject_id: str) -> Story | None:
        found = Referral.objects.filter(app=app, pk=subject_id).select_related("campaign").first()
        if found is None:
            return None
        asked = {
            "app_id": app.pk,
            "campaign_id": found.campaign_id,
            "referrer_id": found.referrer_id,
        }
        return Story(
            subject_type=Subject.REFERRAL,
            subject_id=found.pk,
            referrer_id=found.referrer_id,
            referee_id=found.referee_id,
            at=found.created_at,
            is_held=found.is_flagged,
            is_over=found.status == ReferralStatus.EXPIRED,
            deeds=tuple(Deed(*row) for row in sql.rows(_DEEDS, asked)),
            crowd=_crowd(app, found.campaign_id, found.pk),
            **_of_campaign(found.campaign),
        )

    def tell(self, app: App, subject_id: str, *, score: int, warning: str | None, reasons: list[dict] | None) -> None:
        told = {"risk_score": score, "warning": warning, "reasons": reasons}
        Referral.objects.filter(app=app, pk=subject_id).update(**told)


def register() -> None:
    histories.register(Subject.CONVERSION, Conversions())
    histories.register(Subject.REFERRAL, Referrals())


def _of_campaign(campaign: Campaign) -> dict:
    return {
        "campaign_id": campaign.pk,
        "thresholds": Thresholds(campaign.fraud_mode, campaign.hold_at, campaign.block_at),
        "due_hours": campaign.fraud_deadline_hours,
        "due_outcome": campaign.fraud_deadline_outcome,
    }


def _base(asked: dict) -> Base:
    seen, refunded, grown, silent, quick = sql.row(_BASE, asked)
    return Base(
        seen=seen,
        refunded=refunded / seen if seen else 0.0,
        silent=silent / grown if grown else 0.0,
        grown=grown,
        quick_paths=quick / seen if seen else 0.0,
    )


LEAST_CLICKERS = 100
"""Below this no code is a crowd, and nobody looks where it comes from."""


def _crowd(app: App, campaign_id: str, code_id: str) -> Crowd:
    asked = {"app_id": app.pk, "campaign_id": campaign_id, "code_id": code_id}
    (clickers,) = sql.row(_CLICKERS, asked)
    if clickers < LEAST_CLICKERS:
        return Crowd(code_id, clickers)
    (usual,) = sql.row(_USUAL_CLICKERS, asked)
    return Crowd(code_id, clickers, float(usual))
