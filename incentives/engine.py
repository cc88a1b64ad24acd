"""The engine: records one to a thousand events of an app. Lock the wallets, read once, decide in plain Python, write once.

Single events, bulk, imports and the events that the referral programme fires all come through here.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import BadRequest, DomainError, InvalidInput, NotFound, Overtaken
from incenta.ids import new_id

from . import book as rulebook
from . import ledger, progress
from .book import ActionRule, Book, start_of
from .models.activity import Withheld
from .plan import Asked, Plan, Read, read
from .progress import State

__all__ = ["Asked", "Doing", "KeyReused", "Plan", "Read", "decide", "face", "read", "record", "tell_reached"]

FUTURE_TOLERANCE = timedelta(minutes=5)
ON_HOLD = "fraud_hold"
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Nothing that is rewarded is older; and the year 1 has no yesterday in which a zone west of Greenwich could still be."""


@dataclass(slots=True)
class Doing:
    """One event that is to be recorded. ``cause`` names the referral, click or conversion that fired it by itself."""

    user_id: str
    action_key: str
    idempotency_key: str | None = None
    occurred_at: datetime | None = None
    metadata: dict = field(default_factory=dict)
    cause: str | None = None

    def hash(self) -> str:
        """Of what makes two requests with one key the same request."""
        told = [self.user_id, self.action_key, clock.iso(self.occurred_at), self.metadata]
        return hashlib.blake2b(json.dumps(told, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()


class KeyReused(DomainError):
    """422: the business key was used for another event."""

    status = 422
    code = "idempotency_key_reused"


def record(app: App, doings: Sequence[Doing], *, actor: str = "", alone: bool = False) -> list[dict | DomainError]:
    """Records events in the order given; answers, for each, the public face or the refusal that it alone met.

    ``alone``: the refusal of a single event is raised. Five statements for any number of events, with BEGIN and COMMIT, where all
    wallets exist. Raises ``Overtaken``.
    """
    with sql.transaction_joined():
        version, users = _hopeful(app, doings)
        wallets = ledger.lock(app, users)
        now = wallets.now
        asked = Asked(keys=[doing.idempotency_key for doing in doings if doing.idempotency_key])
        for doing in doings:
            if doing.occurred_at is None or refuse_moment(doing.occurred_at, now) is None:
                asked.add(doing.user_id, doing.action_key, doing.occurred_at, now)
        book, found = read(app, wallets, [wallet.user_id for wallet in wallets], asked)
        plan = Plan(app, book, wallets, found.states, now)
        answers: list[dict | DomainError] = []
        for doing in doings:
            try:
                answers.append(decide(plan, found, doing, actor))
            except ledger.BalanceTooLarge:
                raise  # in the middle of planning: the plan is no longer one of whole events
            except DomainError as refusal:
                if alone:
                    raise
                answers.append(refusal)
        if book.version != version and any(wallets[user_id].seq == 0 for user_id in users - plan.touched.keys()):
            raise Overtaken  # by new rules, which refuse everything of somebody who was perhaps just given a wallet
        if plan.activities:
            plan.write()
        return answers


def refuse_moment(at: datetime, now: datetime) -> InvalidInput | None:
    """Why nothing can have happened then."""
    if at > now + FUTURE_TOLERANCE:
        return InvalidInput({"occurredAt": ["Must not lie more than five minutes in the future."]})
    if at < EARLIEST:
        return InvalidInput({"occurredAt": [f"Must not lie before {EARLIEST.year}."]})
    return None


def decide(plan: Plan, found: Read, doing: Doing, actor: str) -> dict:
    """Plans one event, or finds the first one of its key; answers the public face.

    Raises ``NotFound`` ``action_not_found``; ``BadRequest`` ``action_inactive``, ``action_not_sendable`` for one that fires by
    itself; ``InvalidInput`` for an impossible time; ``KeyReused``; each with nothing planned.
    """
    book, now = plan.book, plan.now
    digest = doing.hash() if doing.idempotency_key else ""
    if doing.idempotency_key and (first := found.replays.get(doing.idempotency_key)):
        return replay(first, digest)
    rule = book.actions.get(doing.action_key)
    if rule is None:
        raise NotFound("action_not_found", f"There is no action {doing.action_key}.")
    at = doing.occurred_at or now
    if refusal := _refuse(rule, doing, at, now):
        raise refusal
    if doing.user_id not in found.states:
        raise Overtaken  # by new rules, which do not refuse all that he did

    user_id, state = doing.user_id, found.states[doing.user_id]
    day = at.astimezone(plan.zone_of(user_id)).date()
    before, xp_before = state.measures(), state.xp
    count, last_at = found.tallies.get((user_id, rule.key), (0, None))
    state.counts[rule.key] = count
    refused, retry_at = _refusal(plan, found, rule, user_id, count, last_at, at, day)

    withheld = state.on_hold and refused is None
    state.events += 1
    if rule.key not in book.passive:
        _count_day(plan, found, state, user_id, day)
    activity_id, wallet_seq = new_id("evt"), plan.wallets[user_id].seq
    xp, coins, tokens = (0, 0, 0) if refused or withheld else (rule.xp, rule.coins, rule.tokens)
    if not refused:
        # whether the limits allow it is decided here, by the rules of now, also for what is withheld and perhaps given later
        last = max(at, last_at) if last_at else at
        found.tallies[user_id, rule.key] = (count + 1, last)
        plan.tallies[user_id, rule.key] = {
            "user_id": user_id,
            "action_key": rule.key,
            "rewarded": count + 1,
            "last_at": last,
        }
        if rule.max_per_day is not None:
            found.daily[user_id, rule.key, day.isoformat()] = (
                found.daily.get((user_id, rule.key, day.isoformat()), 0) + 1
            )
        if rule.cooldown:
            found.near.setdefault((user_id, rule.key), []).append(at)
        state.counts[rule.key] = count + 1
    if withheld:
        refused = ON_HOLD
    elif not refused:
        state.xp += xp
        state.coins_earned += coins
        plan.earn(user_id, cause=activity_id, cause_type="event", at=at, xp=xp, coins=coins, tokens=tokens)
    given = [] if state.on_hold else progress.advance(book, before, state, action_key=rule.key, count_before=count)
    plan.give(user_id, given, cause=activity_id, cause_type="event", at=at)
    plan.touch(user_id)
    plan.score(user_id, at, xp=state.xp - xp_before, coins=state.coins_earned - before.coins_earned)

    outcome = {
        "balances": plan.balances(user_id),
        "bonus": {name: sum(getattr(what, name) for what in given) for name in ("xp", "coins", "tokens")},
        **reached(given, state.level, book.level_of(before.xp)),
        "streak": state.streak,
    }
    if state.risk_score is not None:
        outcome["riskScore"] = state.risk_score
    if withheld:
        outcome["withheld"] = {"xp": rule.xp, "coins": rule.coins, "tokens": rule.tokens}
    row = {
        "id": activity_id,
        "user_id": user_id,
        "action_key": rule.key,
        "idempotency_key": doing.idempotency_key,
        "request_hash": digest,
        "cause": doing.cause,
        "xp": xp,
        "coins": coins,
        "tokens": tokens,
        "not_awarded": refused,
        "withheld": Withheld.PENDING.value if withheld else None,
        "retry_at": retry_at,
        "outcome": outcome,
        "metadata": doing.metadata,
        "rule_version": book.version,
        "wallet_seq": wallet_seq,
        "occurred_at": at,
        "day": day.isoformat(),
    }
    plan.activities.append(row)
    if doing.idempotency_key:
        found.replays[doing.idempotency_key] = [
            activity_id, user_id, rule.key, doing.idempotency_key, digest, xp, coins, tokens, refused, retry_at, outcome,
        ]  # fmt: skip
    answer = face(activity_id, user_id, rule.key, xp, coins, tokens, refused, retry_at, outcome)
    tell_recorded(plan, answer, at, actor)
    return answer


def _refuse(rule: ActionRule, doing: Doing, at: datetime, now: datetime) -> DomainError | None:
    """Why an event of this action is not even recorded."""
    if not rule.active:
        return BadRequest("action_inactive", f"The action {rule.key} is switched off.")
    if rule.fires_itself and doing.cause is None:
        return BadRequest(
            "action_not_sendable", f"The action {rule.key} fires by itself when a code is made, clicked or converted."
        )
    return refuse_moment(at, now)


def _hopeful(app: App, doings: Sequence[Doing]) -> tuple[int, set[str]]:
    """The version of the rules that were asked, and the users for whom anything may be recorded by them: nobody else is given a
    wallet."""
    now = clock.now(app)

    def users_by(book: Book) -> set[str]:
        return {
            doing.user_id
            for doing in doings
            if (rule := book.actions.get(doing.action_key)) is not None
            and _refuse(rule, doing, doing.occurred_at or now, now) is None
        }

    book = rulebook.kept(app)
    users = users_by(book)
    if len(users) < len({doing.user_id for doing in doings}):  # the rules may have changed since they were kept
        book = rulebook.current(app)
        users = users_by(book)
    return book.version, users


def _refusal(
    plan: Plan,
    found: Read,
    rule: ActionRule,
    user_id: str,
    count: int,
    last_at: datetime | None,
    at: datetime,
    day: date,
) -> tuple[str | None, datetime | None]:
    """Why the event is not rewarded and when the next one may be; (None, None) where it is."""
    if rule.max_repeats is not None and count >= rule.max_repeats:
        return "max_repeats", None
    if rule.cooldown and last_at is not None:
        # of the latest rewarded one, and for an event that comes late, of any
        rewarded = [last_at, *found.near.get((user_id, rule.key), ())]
        if near := [moment for moment in rewarded if abs(moment - at) < rule.cooldown]:
            return "cooldown", max(near) + rule.cooldown
    if rule.max_per_day is not None and found.daily.get((user_id, rule.key, day.isoformat()), 0) >= rule.max_per_day:
        return "max_per_day", start_of(day + timedelta(days=1), plan.zone_of(user_id))
    return None, None


def _count_day(plan: Plan, found: Read, state: State, user_id: str, day: date) -> None:
    is_late = state.streak_day is not None and day < state.streak_day
    days = found.days.get(user_id)
    if days is None:
        # without the days read, late is only who has flown west since: today was counted already
        if not is_late:
            progress.extend_streak(plan.book, state, day)
    elif day not in days:
        days.add(day)
        if is_late:
            progress.join_streaks(plan.book, state, days)
        else:
            progress.extend_streak(plan.book, state, day)


def reached(given: list[progress.Given], level: int, level_before: int) -> dict:
    """What an answer says of levels, badges and milestones."""
    return {
        "level": level,
        "leveledUp": level > level_before,
        "levelsReached": [int(what.key) for what in given if what.kind == "level"],
        "badgesEarned": [what.key for what in given if what.kind == "badge"],
        "milestonesReached": [what.key for what in given if what.kind == "milestone"],
    }


def face(
    id: str,
    user_id: str,
    action_key: str,
    xp: int,
    coins: int,
    tokens: int,
    refused: str | None,
    retry_at,
    outcome: dict,
    *,
    replayed: bool = False,
) -> dict:
    """The answer of ``POST /v1/incentives/events``."""
    return {
        "eventId": id,
        "userId": user_id,
        "actionKey": action_key,
        "awarded": {"xp": xp, "coins": coins, "tokens": tokens},
        **outcome,
        "notAwarded": {"code": refused, "retryAt": retry_at if isinstance(retry_at, str) else clock.iso(retry_at)}
        if refused
        else None,
        "withheld": outcome.get("withheld"),
        "riskScore": outcome.get("riskScore"),
        "idempotentReplay": replayed,
    }


def replay(first: list, digest: str) -> dict:
    """The first answer again. Raises ``KeyReused`` naming the first event where the request is another."""
    id, user_id, action_key, _, first_digest, xp, coins, tokens, refused, retry_at, outcome = first
    if digest != first_digest:
        raise KeyReused(message="This idempotencyKey was used for another event.", details={"eventId": id})
    if isinstance(retry_at, str):
        retry_at = datetime.fromisoformat(retry_at)
    if "withheld" in outcome:
        # what the review has made of it since is not the first answer
        xp, coins, tokens, refused = 0, 0, 0, ON_HOLD
    return face(id, user_id, action_key, xp, coins, tokens, refused, retry_at, outcome, replayed=True)


def tell_recorded(plan: Plan, answer: dict, at: datetime, actor: str) -> None:
    """The events that webhooks carry: the event itself, and each thing it reached."""
    user_id, event_id = answer["userId"], answer["eventId"]
    subject = ("event", event_id)
    common = {"eventId": event_id, "userId": user_id, "actionKey": answer["actionKey"]}
    data = (
        common
        | {name: answer[name] for name in ("awarded", "bonus", "balances", "level", "notAwarded", "streak")}
        | {"occurredAt": clock.iso(at)}
    )
    plan.tell("INCENTIVE_EVENT_RECORDED", user_id, data, subject=subject, actor=actor)
    tell_reached(plan, user_id, answer, common, subject, actor)


def tell_reached(plan: Plan, user_id: str, reached: dict, common: dict, subject: tuple[str, str], actor: str) -> None:
    for level in reached["levelsReached"]:
        plan.tell(
            "INCENTIVE_LEVEL_UP",
            user_id,
            common | {"level": level, "balances": reached["balances"]},
            subject=subject,
            actor=actor,
        )
    for key in reached["badgesEarned"]:
        plan.tell(
            "INCENTIVE_BADGE_EARNED",
            user_id,
            common | {"badgeKey": key, "balances": reached["balances"]},
            subject=subject,
            actor=actor,
        )
    for key in reached["milestonesReached"]:
        plan.tell(
            "INCENTIVE_MILESTONE_REACHED",
            user_id,
            common | {"milestoneKey": key, "balances": reached["balances"]},
            subject=subject,
            actor=actor,
        )
