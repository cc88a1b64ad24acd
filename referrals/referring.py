"""Making referral codes and recording clicks on them."""

from fraud import book, looking, raising
from fraud import context as end_user
from fraud.context import Context
from fraud.looking import Asked
from fraud.models import Action, Subject
from incenta import clock, events
from incenta.accounts import participants
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import Conflict, NotFound
from incenta.ids import new_id

from . import codes, faces
from . import rules as campaign_rules

_READ = f"""
SELECT c.version, {book.VERSION}, r.id, r.code, r.slug, r.is_flagged, r.risk_score, r.warning, r.reasons::json
FROM referrals_campaign c
LEFT JOIN referrals_referral r
  ON r.app_id = c.app_id AND r.campaign_id = c.id AND r.referrer_id = %(referrer_id)s AND r.referee_id {{referee}}
WHERE c.id = %(campaign_id)s AND c.app_id = %(app_id)s
"""
# "IS NOT DISTINCT FROM" would say both in one, and cannot use the unique index
_READ_FOR_ANYONE = _READ.format(referee="IS NULL")
_READ_FOR_ONE = _READ.format(referee="= %(referee_id)s")

# The unique constraints decide; when one refuses, nothing else of this statement is written either.
_WRITE = f"""
WITH made AS (
  INSERT INTO referrals_referral (id, app_id, campaign_id, code, code_key, slug, referrer_id, referee_id, status, is_flagged,
    risk_score, warning, reasons, rule_version, metadata, created_at)
  SELECT id, app_id, campaign_id, code, code_key, slug, referrer_id, referee_id, status, is_flagged,
    risk_score, warning, reasons, rule_version, metadata, created_at
  FROM json_to_recordset(%(referral)s::json) AS r(id text, app_id text, campaign_id text, code text, code_key text, slug text,
    referrer_id text, referee_id text, status text, is_flagged bool, risk_score int, warning text, reasons jsonb, rule_version int,
    metadata jsonb, created_at timestamptz)
  ON CONFLICT DO NOTHING RETURNING id
),
{events.insert_when("EXISTS (SELECT FROM made)")},
{looking.write_when("EXISTS (SELECT FROM made)")},
delta AS (
  INSERT INTO referrals_statdelta (app_id, campaign_id, referral_id, asset, day, referrals, clicks, conversions, flagged, reward_minor)
  SELECT %(app_id)s, %(campaign_id)s, made.id, %(asset)s, %(day)s::date, 1, 0, 0, 0, 0 FROM made
)
SELECT count(*) FROM made
"""


def refer(
    app: App,
    *,
    campaign_id: str,
    referrer_id: str,
    referee_id: str | None = None,
    username: str | None = None,
    email: str | None = None,
    code: str | None = None,
    metadata: dict | None = None,
    context: Context = end_user.NOTHING,
    actor: str = "",
) -> tuple[dict, bool]:
    """The code of ``referrer_id`` in this campaign, for ``referee_id`` or for anyone; made unless it exists already.

    ``context``: what the merchant saw of the referrer. Answers the public face and whether it was made now.

    Raises ``NotFound`` ``campaign_not_found``, ``BadRequest`` when the campaign
    takes nothing now, ``Conflict`` ``code_taken``, ``InvalidInput`` for an impossible ``code``.
    """
    wanted = codes.vanity(code) if code else None
    asked = {"app_id": app.pk, "campaign_id": campaign_id, "referrer_id": referrer_id, "referee_id": referee_id}
    evidence = None
    with sql.transaction_joined():
        for attempt in range(8):
            read = sql.row(_READ_FOR_ANYONE if referee_id is None else _READ_FOR_ONE, asked)
            if read is None:
                raise NotFound("campaign_not_found", "Campaign not found.")
            version, fraud_version, *existing = read
            now = clock.now(app)
            if existing[0]:
                looking.see(
                    app,
                    subject_type=Subject.REFERRAL.value,
                    subject_id=existing[0],
                    user_id=referrer_id,
                    context=context,
                    at=now,
                )
                return faces.made_referral(
                    dict(
                        zip(
                            ("id", "code", "slug", "is_flagged", "risk_score", "warning", "reasons"),
                            existing,
                            strict=True,
                        )
                    )
                ), False
            rules = campaign_rules.of_version(app, campaign_id, version)
            rules.require_open(now)
            if evidence is None and looking.needs_look(False, context):
                evidence = looking.gather(
                    app, context, user_id=referrer_id, referrer_id=referrer_id, other_id=referee_id, at=now
                )
            look = looking.look(
                app,
                Asked(
                    subject_type=Subject.REFERRAL.value,
                    subject_id=new_id("ref"),
                    at=now,
                    referrer_id=referrer_id,
                    referee_id=referee_id,
                    user_id=referrer_id,
                    context=context,
                    campaign_id=campaign_id,
                    mode=rules.fraud_mode,
                    hold_at=rules.hold_at,
                    block_at=rules.block_at,
                    due_hours=rules.due_hours,
                    due_outcome=rules.due_outcome,
                ),
                found=evidence,
                version=fraud_version,
            )
            if look.action == Action.BLOCK:
                raise Conflict(
                    "blocked_by_risk",
                    "This referral was refused because of its risk.",
                    details={"riskScore": look.assessment.score},
                )
            shown = wanted or codes.propose(rules, username=username, email=email, attempt=attempt)
            row = {
                "id": look.asked.subject_id,
                "app_id": app.pk,
                "campaign_id": campaign_id,
                "code": shown,
                "code_key": codes.key_of(shown),
                # short links are one namespace for the whole installation: where the code's own is taken, it gets a tail
                "slug": shown.upper() if attempt == 0 else f"{shown.upper()}.{codes.random_part(4)}",
                "referrer_id": referrer_id,
                "referee_id": referee_id,
                "status": "FLAGGED" if look.is_held else "PENDING",
                "is_flagged": look.is_held,
                "risk_score": look.score,
                "warning": look.warning,
                "reasons": look.faces,
                "rule_version": version,
                "metadata": metadata or {},
                "created_at": now,
            }
            told = events.event(
                app,
                "REFERRAL_CREATED",
                faces.referral_created(row),
                subject=("referral", row["id"]),
                actor=actor,
                occurred_at=now,
            )
            day = rules.day(now)
            wrote = sql.row(
                _WRITE,
                {
                    "app_id": app.pk,
                    "campaign_id": campaign_id,
                    "referral": sql.as_rows([row]),
                    "asset": rules.asset,
                    "day": day,
                }
                | look.parameters()
                | events.as_rows([told]),
            )
            if wrote[0]:
                if look.is_held:
                    raising.raise_flags(app, look.suspicions(), at=now)
                if username or email:
                    participants.introduce(app, referrer_id, username=username or "", email=email or "", at=now)
                events.nudge()
                return faces.made_referral(row), True
            # somebody was quicker with this referral, or the code or its link is taken
            if (
                wanted
                and app.referrals.filter(code_key=row["code_key"])
                .exclude(campaign_id=campaign_id, referrer_id=referrer_id, referee_id=referee_id)
                .exists()
            ):
                raise Conflict("code_taken", f"The code {wanted} is taken.", details={"code": ["Choose another code."]})
    raise Conflict("code_taken", "No free code was found; try again.")


LINK = "link"
"""Who records the clicks on short links. Who follows one is not known: the friend, or the referrer who tries it out."""

_READ_CODE = """
SELECT r.id, r.campaign_id, r.code, r.status, c.version, r.referrer_id
FROM referrals_referral r JOIN referrals_campaign c ON c.id = r.campaign_id
WHERE r.app_id = %(app_id)s AND r.code_key = %(code_key)s
"""

_WRITE_CLICK = f"""
WITH {looking.WRITE},
click AS (
  INSERT INTO referrals_click (id, app_id, campaign_id, referral_id, referee_id, clicked_at)
  VALUES (%(click_id)s, %(app_id)s, %(campaign_id)s, %(referral_id)s, %(referee_id)s, %(now)s)
),
seen AS (
  UPDATE referrals_referral SET status = 'CLICKED' WHERE %(first)s AND id = %(referral_id)s AND status = 'PENDING'
),
{events.INSERT},
delta AS (
  INSERT INTO referrals_statdelta (app_id, campaign_id, referral_id, asset, day, referrals, clicks, conversions, flagged, reward_minor)
  VALUES (%(app_id)s, %(campaign_id)s, %(referral_id)s, %(asset)s, %(day)s::date, 0, 1, 0, 0, 0)
)
SELECT 1
"""


def click(
    app: App, *, code: str, referee_id: str | None = None, context: Context = end_user.NOTHING, actor: str = ""
) -> dict:
    """Records a click on a code; ``context``: what was seen of who clicked. What is seen of a named friend counts when he
    converts. Raises ``NotFound`` ``referral_not_found``, ``BadRequest`` when the campaign takes none now."""
    with sql.transaction_joined():
        read = sql.row(_READ_CODE, {"app_id": app.pk, "code_key": codes.key_of(code)})
        if read is None:
            raise NotFound("referral_not_found", "Referral code not found.")
        referral_id, campaign_id, shown, status, version, referrer_id = read
        rules = campaign_rules.of_version(app, campaign_id, version)
        now = clock.now(app)
        rules.require_open(now)
        click_id = new_id("click")
        told = events.event(
            app,
            "REFERRAL_CLICKED",
            faces.referral_clicked(
                referral_id=referral_id,
                code=shown,
                click_id=click_id,
                clicked_at=now,
                campaign_id=campaign_id,
                referee_id=referee_id,
            ),
            subject=("referral", referral_id),
            actor=actor,
            occurred_at=now,
        )
        sql.row(
            _WRITE_CLICK,
            {
                "app_id": app.pk,
                "campaign_id": campaign_id,
                "referral_id": referral_id,
                "referee_id": referee_id,
                "click_id": click_id,
                "now": now,
                "first": status == "PENDING",
                "asset": rules.asset,
                "day": rules.day(now),
            }
            | looking.seen_parameters(
                app,
                subject_type="CLICK",
                subject_id=click_id,
                user_id=referee_id if actor != LINK else None,
                seen=context,
                referrer_id=referrer_id,
                at=now,
            )
            | events.as_rows([told]),
        )
        events.nudge()
    return {"success": True, "clickId": click_id, "referralCode": shown, "clickedAt": clock.iso(now)}
