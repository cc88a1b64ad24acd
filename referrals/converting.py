"""Recording a conversion: find the code, lock the earners' wallets, read, decide in plain Python, write in one statement."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

from fraud import book, looking, raising
from fraud import context as end_user
from fraud.context import Context
from fraud.facts import Past
from fraud.looking import Asked, Look
from fraud.models import Action, Subject
from incenta import clock, events, money
from incenta.accounts import people
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import BadRequest, Conflict, InvalidInput, NotFound
from incenta.ids import new_id
from incentives import ledger

from . import codes, faces, rewarding, usual
from . import rules as campaign_rules
from .models.campaign import RewardModel
from .people import WAS_HERE
from .rules import Rules

FUTURE_TOLERANCE = timedelta(minutes=5)
MOST_LOOKS = 4
"""How often a conversion looks anew because its campaign was changed meanwhile; then it goes by what it found."""
MOST_CLICKS = 20
"""Of the clicks without a name so many are looked at, the newest first."""
MOST_PAST = 50
"""Of the referrer's conversions so many are looked at, the newest first."""
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""No order is older; and the year 1 has no yesterday in which a zone west of Greenwich could still be."""

# While a campaign has no budget nobody counts what it promises, so whoever sets one must know that no conversion is under way
# (see campaigns.revise). The lock is shared: conversions do not wait for each other.
_FIND = f"""
SELECT r.id, r.campaign_id, r.code, r.referrer_id, r.is_flagged, r.created_at, c.version,
  CASE WHEN c.referral_type = 'MULTI_LEVEL' THEN (
    SELECT u.referrer_id FROM referrals_conversion u
    WHERE u.app_id = r.app_id AND u.campaign_id = r.campaign_id AND u.referee_id = r.referrer_id AND u.status = 'CONVERTED'
    ORDER BY u.converted_at LIMIT 1
  ) END,
  CASE WHEN c.budget IS NULL THEN pg_advisory_xact_lock_shared(hashtext('referrals.campaign'), hashtext(c.id)) END,
  {book.VERSION}, {looking.IS_KNOWN}
FROM referrals_referral r JOIN referrals_campaign c ON c.id = r.campaign_id
WHERE r.app_id = %(app_id)s AND r.code_key = %(code_key)s
"""

# Read after the wallets are locked: whoever converted before us through this referrer has committed by now. The counts are
# bounded by what the rules ask for, so a referrer with a million conversions costs no more than one with ten. The budget's row
# is locked here too, after the wallets: whoever waits for it reads the newest sum, and nothing else here is of other referrers.
_READ = f"""
SELECT
  (SELECT id FROM referrals_conversion WHERE app_id = %(app_id)s AND referral_id = %(referral_id)s AND referee_id = %(referee_id)s),
  (SELECT id FROM referrals_conversion WHERE app_id = %(app_id)s AND external_id = %(external_id)s),
  CASE WHEN %(first_time)s THEN (
    SELECT id FROM referrals_conversion
    WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s AND referee_id = %(referee_id)s ORDER BY id LIMIT 1) END,
  (SELECT max(clicked_at) FROM referrals_click
    WHERE app_id = %(app_id)s AND referral_id = %(referral_id)s AND referee_id = %(referee_id)s AND clicked_at <= %(converted_at)s),
  CASE WHEN cardinality(%(fraud_keys)s::bigint[]) > 0 THEN (
    SELECT max(clicked_at) FROM (
      SELECT id, clicked_at FROM referrals_click
      WHERE app_id = %(app_id)s AND referral_id = %(referral_id)s AND referee_id IS NULL AND clicked_at <= %(converted_at)s
      ORDER BY clicked_at DESC LIMIT {MOST_CLICKS}) k
    WHERE {looking.IS_OF_FRIEND.format(click="k.id")}) END,
  CASE WHEN %(tier_most)s::int > 0 THEN (
    SELECT count(*) FROM (SELECT FROM referrals_conversion
      WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s AND referrer_id = %(referrer_id)s AND status = 'CONVERTED'
      LIMIT %(tier_most)s::int) c) ELSE 0 END,
  CASE WHEN %(reward_most)s::int > 0 THEN (
    SELECT count(*) FROM (SELECT FROM referrals_reward
      WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s AND user_id = %(referrer_id)s
        AND side = 'REFERRER' AND status <> 'CANCELLED'
      LIMIT %(reward_most)s::int) r) ELSE 0 END,
  CASE WHEN %(reward_most)s::int > 0 AND %(upline_id)s::text IS NOT NULL THEN (
    SELECT count(*) FROM (SELECT FROM referrals_reward
      WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s AND user_id = %(upline_id)s
        AND side = 'REFERRER' AND status <> 'CANCELLED'
      LIMIT %(reward_most)s::int) r) ELSE 0 END,
  CASE WHEN %(budgeted)s THEN (
    SELECT promised_minor FROM referrals_campaignspend WHERE campaign_id = %(campaign_id)s FOR UPDATE) ELSE 0 END,
  %(first_time)s AND {WAS_HERE},
  (SELECT json_agg(json_build_array(extract(epoch FROM converted_at)::float8, amount_minor, referee_id)) FROM (
    SELECT converted_at, amount_minor, referee_id FROM referrals_conversion
    WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s AND referrer_id = %(referrer_id)s
    ORDER BY converted_at DESC LIMIT {MOST_PAST}) p),
  {usual.READ},
  (SELECT referrer_id FROM referrals_referral WHERE id = %(referral_id)s),
  (SELECT version FROM referrals_campaign WHERE id = %(campaign_id)s)
"""

_WRITE = f"""
WITH made AS (
  INSERT INTO referrals_conversion (id, app_id, campaign_id, referral_id, referrer_id, referee_id, status, amount_minor, reversed_minor,
    currency, reward_minor, reward_asset, external_id, request_hash, first_time, risk_score, warning, reasons, rule_version, metadata,
    trace, converted_at)
  SELECT id, app_id, campaign_id, referral_id, referrer_id, referee_id, status, amount_minor, 0,
    currency, reward_minor, reward_asset, external_id, request_hash, first_time, risk_score, warning, reasons, rule_version, metadata,
    trace, converted_at
  FROM json_to_recordset(%(conversion)s::json) AS c(id text, app_id text, campaign_id text, referral_id text, referrer_id text,
    referee_id text, status text, amount_minor bigint, currency text, reward_minor bigint, reward_asset text, external_id text,
    request_hash text, first_time bool, risk_score int, warning text, reasons jsonb, rule_version int, metadata jsonb, trace json,
    converted_at timestamptz)
  ON CONFLICT DO NOTHING RETURNING id
),
reward AS (
  INSERT INTO referrals_reward (id, app_id, campaign_id, referral_id, conversion_id, user_id, side, level, asset, amount_minor,
    reversed_minor, netted_minor, status, holds, matures_at, in_budget, ledger_hold_id, fulfillment_type, discount, rule_version,
    created_at, claim_by)
  SELECT id, app_id, campaign_id, referral_id, conversion_id, user_id, side, level, asset, amount_minor,
    0, 0, 'PENDING', holds, matures_at, in_budget, ledger_hold_id, fulfillment_type, discount, rule_version, created_at, claim_by
  FROM json_to_recordset(%(rewards)s::json) AS r(id text, app_id text, campaign_id text, referral_id text, conversion_id text,
    user_id text, side text, level int, asset text, amount_minor bigint, holds text[], matures_at timestamptz, in_budget bool,
    ledger_hold_id text, fulfillment_type text, discount json, rule_version int, created_at timestamptz, claim_by timestamptz)
),
{ledger.WRITE},
{events.INSERT},
{looking.WRITE},
seen AS (
  UPDATE referrals_referral SET status = 'CONVERTED'
  WHERE %(counted)s AND id = %(referral_id)s AND status IN ('PENDING', 'CLICKED')
),
spent AS (
  UPDATE referrals_campaignspend SET promised_minor = promised_minor + %(promise)s
  WHERE %(promise)s::bigint > 0 AND campaign_id = %(campaign_id)s
),
delta AS (
  INSERT INTO referrals_statdelta (app_id, campaign_id, referral_id, asset, day, referrals, clicks, conversions, flagged, reward_minor)
  VALUES (%(app_id)s, %(campaign_id)s, %(referral_id)s, %(asset)s, %(day)s::date, 0, 0,
    %(counted)s::int, 1 - %(counted)s::int, %(value)s)
)
SELECT count(*) FROM made
"""


def request_hash(body: dict) -> str:
    """Of what the client sent for an order, whatever the order of its keys."""
    return hashlib.blake2b(json.dumps(body, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()


def convert(
    app: App,
    *,
    code: str,
    referee_id: str,
    amount: object = None,
    currency: str | None = None,
    external_id: str | None = None,
    occurred_at: datetime | None = None,
    metadata: dict | None = None,
    body: dict | None = None,
    context: Context = end_user.NOTHING,
    actor: str = "",
) -> tuple[dict, bool]:
    """Records that ``referee_id`` converted on ``code``; answers the public face and whether it was recorded now.

    ``amount`` in major units of the campaign's currency; ``context``: what the merchant saw of the friend. The same ``external_id``
    with the same ``body`` answers as at first.
    Raises ``NotFound`` ``referral_not_found``; ``BadRequest`` ``campaign_*`` or ``conversion_window_expired``; ``Conflict``
    ``already_converted`` naming the first conversion, or ``blocked_by_risk``; ``InvalidInput``.
    """
    with sql.transaction_joined():
        evidence = None
        for _ in range(MOST_LOOKS):
            found = sql.row(_FIND, {"app_id": app.pk, "code_key": codes.key_of(code), "fraud_user": referee_id})
            if found is None:
                raise NotFound("referral_not_found", "Referral code not found.")
            referral_id, campaign_id, shown, referrer_id, code_is_flagged, code_made_at, version, upline_id, *told = (
                found
            )
            _, fraud_version, is_known = told
            rules = campaign_rules.of_version(app, campaign_id, version)
            now = clock.now(app)
            converted_at = occurred_at or now
            if converted_at > now + FUTURE_TOLERANCE:
                raise InvalidInput({"occurredAt": ["Must not lie more than five minutes in the future."]})
            if converted_at < EARLIEST:
                raise InvalidInput({"occurredAt": [f"Must not lie before {EARLIEST.year}."]})
            if currency is not None and currency != rules.currency:
                raise InvalidInput({"currency": [f"The campaign counts in {rules.currency}."]})
            amount_minor = None if amount is None else money.parse(amount, rules.currency)
            if upline_id in (referrer_id, referee_id):  # two people who referred each other are no third level
                upline_id = None

            # before anything is locked: nobody waits for this look
            if evidence is None and looking.needs_look(is_known, context):
                evidence = looking.gather(
                    app, context, user_id=referee_id, referrer_id=referrer_id, other_id=referrer_id, at=converted_at
                )
            earners = {referrer_id, *([referee_id] if rules.referee_value else []), *([upline_id] if upline_id else [])}
            wallets = ledger.lock(app, earners)
            asked = {
                "app_id": app.pk,
                "campaign_id": campaign_id,
                "referral_id": referral_id,
                "referrer_id": referrer_id,
                "referee_id": referee_id,
                "upline_id": upline_id,
                "external_id": external_id,
                "first_time": rules.first_time_user_only,
                "tombstone": people.tombstone_key(app, referee_id),
                "converted_at": converted_at,
                "tier_most": rules.tiers[-1].min_conversions if rules.tiers else 0,
                "reward_most": rules.max_rewards_per_referrer or 0,
                "budgeted": rules.budget_minor is not None,
                "usual_wanted": usual.is_wanted(campaign_id),
            } | looking.click_of(app, context)
            *seen, present_referrer, present_version = sql.row(_READ, asked)
            if version == rules.version == present_version and referrer_id == present_referrer:
                break  # else the campaign was changed, or the referrer erased, while we waited for the wallets: we look anew
        (
            of_code,
            of_order,
            of_campaign,
            clicked_at,
            seen_clicking,
            earlier,
            rewards_of_referrer,
            rewards_of_upline,
            promised,
            was_here,
            *had,
        ) = seen
        past, usual_rows = had
        if earliest := of_order or of_code or of_campaign:
            return _again(app, earliest, of_order, request_hash(body or {}))
        if was_here:
            raise _already(None)  # as a member who was erased since
        rules.require_open(converted_at)
        if rules.window is not None and converted_at > (clicked_at or code_made_at) + rules.window:
            raise BadRequest("conversion_window_expired", "The friend's click is too long ago for this campaign.")

        facts = rewarding.Facts(
            amount_minor=amount_minor,
            referrer_id=referrer_id,
            referee_id=referee_id,
            upline_id=upline_id,
            earlier_conversions=earlier,
            rewards_of={referrer_id: rewards_of_referrer} | ({upline_id: rewards_of_upline} if upline_id else {}),
            promised_minor=promised,
        )
        decision = rewarding.decide(rules, facts)
        first_award = next((award for award in decision.awards if award.side == "REFERRER" and award.level == 1), None)
        look = looking.look(
            app,
            Asked(
                subject_type=Subject.CONVERSION.value,
                subject_id=new_id("conv"),
                at=converted_at,
                now=now,
                referrer_id=referrer_id,
                referee_id=referee_id,
                user_id=referee_id,
                context=context,
                campaign_id=campaign_id,
                mode=rules.fraud_mode,
                hold_at=rules.hold_at,
                block_at=rules.block_at,
                due_hours=rules.due_hours,
                due_outcome=rules.due_outcome,
                amount_minor=amount_minor,
                currency=rules.currency,
                rewards_share=rules.model == RewardModel.PERCENTAGE,
                earns=bool(decision.awards),
                clicked_at=clicked_at or seen_clicking,
                clicks_known=True,
                code_made_at=code_made_at,
                code_is_flagged=code_is_flagged,
                is_first_time_only=rules.first_time_user_only,
                past=[Past(*each) for each in past or ()],
                usual=usual.of(campaign_id, usual_rows),
            ),
            found=evidence,
            version=fraud_version,
        )
        if look.action == Action.BLOCK:
            told = {"riskScore": look.assessment.score}
            raise Conflict("blocked_by_risk", "This conversion was refused because of its risk.", details=told)
        flagged = look.is_held
        row = {
            "id": look.asked.subject_id,
            "app_id": app.pk,
            "campaign_id": campaign_id,
            "referral_id": referral_id,
            "referrer_id": referrer_id,
            "referee_id": referee_id,
            "status": "FLAGGED" if flagged else "CONVERTED",
            "amount_minor": amount_minor,
            "currency": rules.currency,
            "reward_minor": first_award.amount_minor if first_award else 0,
            "reward_asset": rules.asset,
            "external_id": external_id,
            "request_hash": request_hash(body or {}),
            "first_time": rules.first_time_user_only,
            "risk_score": look.score,
            "warning": look.warning,
            "reasons": look.faces,
            "rule_version": rules.version,
            "metadata": metadata or {},
            "trace": _trace(rules, decision, look, converted_at, clicked_at, code_made_at),
            "converted_at": converted_at,
        }
        rewards = [_promise(row, rules, award, wallets, flagged, now) for award in decision.awards]
        told = [
            events.event(
                app,
                "REFERRAL_CONVERTED",
                faces.referral_converted(row, code=shown),
                subject=("conversion", row["id"]),
                actor=actor,
                occurred_at=now,
            )
        ]
        told += [
            events.event(
                app,
                "REWARD_CREATED",
                faces.reward_created(reward, referrer_id=referrer_id, hold_reasons=reward["hold_reasons"]),
                subject=("reward", reward["id"]),
                actor=actor,
                occurred_at=now,
            )
            for reward in rewards
        ]
        (made,) = sql.row(
            _WRITE,
            {
                "app_id": app.pk,
                "campaign_id": campaign_id,
                "referral_id": referral_id,
                "conversion": sql.as_rows([row]),
                "rewards": sql.as_rows(rewards),
                "counted": not flagged,
                "promise": decision.promised_minor,
                "asset": rules.asset,
                "day": rules.day(converted_at),
                "value": 0 if flagged else sum(award.amount_minor for award in decision.awards),
            }
            | wallets.parameters()
            | look.parameters()
            | events.as_rows(told),
        )
        if not made:
            # through another referrer's code, at the same moment; all of the above is rolled back by this refusal
            of_code, of_order, of_campaign, *_ = sql.row(_READ, asked)
            raise _already(of_order or of_code or of_campaign)
        if flagged:
            held: dict[str, int] = {}
            for reward in rewards:
                held[reward["asset"]] = held.get(reward["asset"], 0) + reward["amount_minor"]
            raising.raise_flags(app, look.suspicions(held=held), at=now)
        events.nudge()
        reward_id = next(
            (reward["id"] for reward in rewards if reward["side"] == "REFERRER" and reward["level"] == 1), None
        )
        return faces.made_conversion(row, code=shown, reward_id=reward_id), True


def _promise(row: dict, rules: Rules, award: rewarding.Award, wallets, flagged: bool, now: datetime) -> dict:
    """One reward as a row, its amount promised in the ledger."""
    reward_id = new_id("rew")
    moved = wallets.move(
        award.user_id,
        ledger.GRANT,
        rules.asset,
        award.amount_minor,
        cause=reward_id,
        cause_type="reward",
        occurred_at=row["converted_at"],
        rule_version=rules.version,
    )
    matures_at = row["converted_at"] + rules.hold if rules.hold else None
    holds = (["BUDGET"] if award.over_budget else []) + (["FRAUD_REVIEW"] if flagged else [])
    return {
        "id": reward_id,
        "app_id": row["app_id"],
        "campaign_id": row["campaign_id"],
        "referral_id": row["referral_id"],
        "conversion_id": row["id"],
        "user_id": award.user_id,
        "side": award.side,
        "level": award.level,
        "asset": rules.asset,
        "amount_minor": award.amount_minor,
        "status": "PENDING",
        "holds": holds,
        "hold_reasons": sorted(holds + (["HOLD_PERIOD"] if matures_at and matures_at > now else [])),
        "matures_at": matures_at,
        "in_budget": not award.over_budget,
        "ledger_hold_id": moved.id,
        "fulfillment_type": rules.fulfillment_type,
        "discount": rules.discount,
        "rule_version": rules.version,
        "created_at": now,
        # nobody can claim what is not mature, so the time to claim begins there
        "claim_by": max(now, matures_at or now) + rules.claim_within if rules.claim_within else None,
    }


def _trace(rules: Rules, decision, look: Look, converted_at, clicked_at, code_made_at) -> dict:
    """Why it came out so: what was read, each rule with its outcome, each risk signal with its contribution and evidence."""
    steps = [
        {
            "rule": "campaign",
            "version": rules.version,
            "status": rules.declared_status,
            "convertedAt": clock.iso(converted_at),
            "outcome": "open",
        }
    ]
    if rules.first_time_user_only:
        steps.append({"rule": "firstTimeUserOnly", "outcome": "first conversion in this campaign"})
    if rules.window is not None:
        since = clicked_at or code_made_at
        counted_from = "click" if clicked_at else "code"
        steps.append(
            {
                "rule": "conversionWindow",
                "from": counted_from,
                "since": clock.iso(since),
                "days": rules.window.days,
                "outcome": "within",
            }
        )
    return {"ruleVersion": rules.version, "steps": steps + decision.trace, "risk": look.trace()}


def _again(app: App, first_id: str, of_order: str | None, digest: str) -> tuple[dict, bool]:
    """The first answer, where the same order is sent again; else the refusal that names the first conversion."""
    if of_order is not None:
        first = app.conversions.select_related("referral").get(pk=of_order)
        if first.request_hash == digest:
            reward = first.rewards.filter(app=app, side="REFERRER", level=1).first()
            row = {field.attname: getattr(first, field.attname) for field in first._meta.concrete_fields}
            return faces.made_conversion(row, code=first.referral.code, reward_id=reward and reward.pk), False
    raise _already(first_id)


def _already(conversion_id: str | None) -> Conflict:
    return Conflict(
        "already_converted", "This friend or order has already converted.", details={"conversionId": conversion_id}
    )
