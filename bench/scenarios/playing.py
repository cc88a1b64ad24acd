"""Plays a world against the product: each call through its verb, in the order of time, by sandbox apps whose clock is moved; and what
would be due in between, the second look and the search for farmers of points, at each simulated hour.

Nothing here tells the product more than a merchant would.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .calls import Call, Click, Convert, Guess, Happen, Redeem, Refer, Reverse, body_of
from .truth import Label
from .world import Sealed

HOUR = timedelta(hours=1)
SWEEP = timedelta(hours=6)
"""How often rewards are looked at whose time has come."""


MOST_TROUBLE = 20
PATIENCE_MS = 10_000
"""Of a look in a request, in the place of 50."""


class Trouble(logging.Handler):
    """Counts what the product logs as broken: looks that break are tried again for ever, and a play would not end."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.levelno >= logging.ERROR


@dataclass
class Outcome:
    """What became of one subject."""

    label: Label
    app: int
    at: datetime
    """A conversion's moment, or a user's first event."""
    subject_id: str = ""
    held_at: datetime | None = None
    score: int = 0
    """The highest of its scores."""
    minor: int = 0
    """Of a conversion's rewards; of a user, the coins that he had when he was held."""
    matures_at: datetime | None = None
    codes: tuple[str, ...] = ()
    """The signals that spoke when it was held, else in the highest score."""
    case_id: str = ""
    number: int = -1
    others: tuple[str, ...] = ()
    """The other judges that would have held it."""


@dataclass
class Played:
    """One world at one coverage."""

    coverage: str
    family: str
    seed: int
    scale: float
    app_ids: list[str]
    conversions: list[Outcome] = field(default_factory=list)
    users: list[Outcome] = field(default_factory=list)
    codes: dict[int, datetime | None] = field(default_factory=dict)
    """Of leaked codes: after how long … when the code was flagged."""
    leaked: dict[int, datetime] = field(default_factory=dict)
    guesses: dict[str, list[int]] = field(default_factory=dict)
    """Attack → how many guesses were answered in each minute before the first refusal, and altogether."""
    refusals: Counter = field(default_factory=Counter)
    seconds: float = 0.0
    calls: int = 0
    looks: int = 0
    """Of the second pass."""
    switched_off: tuple[str, ...] = ()
    part: str = ""
    """The scenarios, where not all were played."""
    scales: list[float] = field(default_factory=list)
    """Of each part of it."""
    stopped: list[str] = field(default_factory=list)
    """Of parts whose time was over before all was played: when."""
    looked: list[tuple] = field(default_factory=list)
    """What was thought of each conversion at each look, in the order of time, as ``tally.Kept``: by it another judge can be asked."""


class Stage:
    """The product with the merchants of one world."""

    def __init__(
        self,
        sealed: Sealed,
        coverage: str,
        *,
        off: tuple[str, ...] = (),
        say: Callable[[str], None] = print,
        over_http: bool = False,
        seconds: float = float("inf"),
    ):
        self.over_http, self.seconds = over_http, seconds
        self._stopped_at: datetime | None = None
        self.sealed, self.coverage, self.off, self.say = sealed, coverage, off, say
        self.made: dict[int, str] = {}
        """Number of a call → the code, or the id, that it made."""
        self.referrals: dict[int, str] = {}
        self.answers: dict[int, dict] = {}
        config = sealed.config
        self.played = Played(coverage, config.family, config.seed, config.scale, [], scales=[config.scale])
        self._guessed: dict[str, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))
        self._stopped: set[str] = set()

    def stop(self) -> None:
        """The time is over: what was played until now is all."""
        self.seconds = 0.0

    # --- before -------------------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Merchants with a sandbox, a campaign, actions and items each."""
        from django.db import transaction

        from incenta.accounts import create_merchant
        from incenta.accounts.models import ApiKey, Plan, User
        from incentives import actions, catalog
        from referrals import campaigns

        first = self.sealed.calls[0].at - timedelta(days=1)
        self.apps, self.campaigns, self.items, self.keys = [], [], [], []
        with transaction.atomic():
            Plan.objects.get_or_create(
                is_default=True, defaults={"name": "Bench", "monthly_calls": 10**12, "calls_per_minute": 10**9}
            )
            owner, _ = User.objects.get_or_create(email="scenarios@example.com")
            for merchant in self.sealed.merchants:
                app = (
                    create_merchant(owner, f"{merchant.style.title()} {merchant.index}")
                    .apps.get(sandbox_of=None)
                    .sandbox
                )
                app.clock_frozen_at = first
                app.save(update_fields=["clock_frozen_at"])
                rules = {
                    "name": "Friends",
                    "declared_status": "ACTIVE",
                    "currency": merchant.currency,
                    "hold_days": merchant.hold_days,
                    "fraud_mode": "hold",
                    "fulfillment_type": "AUTOMATED",
                } | (
                    {"reward_model": "PERCENTAGE", "reward_value": merchant.percent}
                    if merchant.percent
                    else {"reward_model": "FIXED", "reward_value": merchant.reward}
                )
                self.campaigns.append(campaigns.create(app, rules).pk)
                for action in merchant.actions:
                    actions.create(
                        app,
                        action.key,
                        {
                            "name": action.key.title(),
                            "type": "STANDARD",
                            "coins": action.coins,
                            "cooldown_s": action.cooldown,
                            "max_per_day": action.max_per_day,
                        },
                    )
                self.items.append(
                    [
                        catalog.create(app, {"name": f"Item {cost}", "coin_cost": cost, "published": True}).pk
                        for cost in merchant.items
                    ]
                )
                if self.off:
                    self._switch_off(app)
                self.apps.append(app)
                if self.over_http:
                    self.keys.append(ApiKey.objects.issue(app, "scenarios")[1])
        self.played.app_ids = [app.pk for app in self.apps]
        used = {call.app for call in self.sealed.calls}
        self.busy = [app for place, app in enumerate(self.apps) if place in used]
        """Those of which this world tells anything."""

    def _switch_off(self, app) -> None:
        from django.utils import timezone

        from fraud.models import RuleSet, RuleSetState

        RuleSet.objects.create(
            app=app,
            version=1,
            state=RuleSetState.ACTIVE,
            rules={"signals": {code: {"on": False} for code in self.off}},
            author_name="bench",
            created_at=timezone.now(),
            activated_at=timezone.now(),
        )
        self.played.switched_off = self.off

    # --- the play -----------------------------------------------------------------------------------------------------
    def play(self) -> Played:
        from django.db import connection

        from fraud import evidence
        from incenta.errors import DomainError

        from .over_http import Door

        door = Door(self) if self.over_http else None
        verbs = {
            Refer: self._refer,
            Click: self._click,
            Convert: self._convert,
            Reverse: self._reverse,
            Happen: self._happen,
            Redeem: self._redeem,
            Guess: self._guess,
        }
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit TO off")
        # a busy machine is no busy installation: here every look sees all that there is to see
        for reading in (evidence.gather, evidence.read):
            reading.__kwdefaults__["patience_ms"] = PATIENCE_MS
        self._trouble = Trouble()
        logging.getLogger("incenta.fraud").addHandler(self._trouble)
        started, calls = time.monotonic(), self.sealed.calls
        tick = calls[0].at.replace(minute=0, second=0, microsecond=0) + HOUR
        self._swept = tick
        told, analyzed = 0, 0
        for call in calls:
            if time.monotonic() - started > self.seconds:
                self._stopped_at = call.at
                self.played.stopped.append(f"{call.at:%Y-%m-%d}")
                self.say(f"  stopped at {call.at:%Y-%m-%d}, after {call.number:,} calls: the time is over")
                break
            while tick <= call.at:
                self._due(tick)
                tick = min(max(tick + HOUR, self._next_due()), self._swept + SWEEP)
            self.apps[call.app].clock_frozen_at = call.at
            try:
                if door is None or not door.takes(call):
                    verbs[type(call)](call)
                else:
                    door.send(call)
            except DomainError as refusal:
                self.played.refusals[call.kind, refusal.code] += 1
            if call.number >= analyzed * 3 + 1000:
                analyzed = call.number
                self._analyze()
            if (share := call.number * 10 // len(calls)) > told:
                told = share
                self.say(f"  {share * 10} % of {len(calls):,} calls after {time.monotonic() - started:.0f} s")
        # what is still due within the day after the last call
        for _ in range(30):
            self._due(tick)
            tick += HOUR
        self.played.seconds, self.played.calls = time.monotonic() - started, len(calls)
        self._collect()
        return self.played

    def _next_due(self) -> datetime:
        """The whole hour after which the next look is due. Long before and long after the world nothing is."""
        from incenta.database import sql

        (earliest,) = sql.row(
            "SELECT min((SELECT min(due_at) FROM fraud_rescore r WHERE r.app_id = a)) FROM unnest(%(apps)s::text[]) a",
            {"apps": self.played.app_ids},
        )
        if earliest is None:
            return datetime.min.replace(tzinfo=self.sealed.calls[0].at.tzinfo)
        whole = earliest.replace(minute=0, second=0, microsecond=0)
        return whole if whole == earliest else whole + HOUR

    def _due(self, now: datetime) -> None:
        """What beat would have rung by now."""
        from bench.scenarios import jobs

        self.played.looks += jobs.look_again(self.busy, now)
        if self._trouble.count > MOST_TROUBLE:
            raise SystemExit("Too many looks broke; the first of them is told above.")
        if now >= self._swept + SWEEP:
            self._swept = now
            jobs.mature(jobs.waiting(self.busy, now), now)
            earning = [app for app, items in zip(self.apps, self.items, strict=True) if items]
            if now.hour < SWEEP // HOUR:
                self.played.looks += jobs.look_for_farming(earning, now)

    def _analyze(self) -> None:
        from incenta.database import sql

        for table in (
            "fraud_link",
            "fraud_score",
            "fraud_sighting",
            "fraud_rescore",
            "referrals_conversion",
            "referrals_referral",
            "referrals_click",
            "incentives_activity",
        ):
            sql.execute(f"ANALYZE {table}")

    # --- the calls ----------------------------------------------------------------------------------------------------
    def _context(self, call: Call):
        """As the API would have read it of the call's body."""
        from fraud import context

        merchant = self.sealed.merchants[call.app]
        sent = call.context.sent(self.coverage) if call.context else None
        return context.of(sent, caller=merchant.server, caller_agent=merchant.library)

    def _refer(self, call: Refer) -> None:
        from referrals import referring

        answer, _ = referring.refer(
            self.apps[call.app],
            campaign_id=self.campaigns[call.app],
            referrer_id=call.referrer_id,
            referee_id=call.referee_id,
            context=self._context(call),
            actor="bench",
        )
        self.made[call.number], self.referrals[call.number] = answer["referralCode"], answer["referralId"]

    def _click(self, call: Click) -> None:
        from referrals import referring

        referring.click(
            self.apps[call.app],
            code=self.made[call.refer],
            referee_id=call.referee_id,
            context=self._context(call),
            actor="bench",
        )

    def _convert(self, call: Convert) -> None:
        from referrals import converting

        answer, _ = converting.convert(
            self.apps[call.app],
            code=self.made[call.refer],
            referee_id=call.referee_id,
            amount=call.amount,
            external_id=call.external_id,
            context=self._context(call),
            body=body_of(call, self.coverage, code=self.made[call.refer]),
            actor="bench",
        )
        self.made[call.number], self.answers[call.number] = answer["conversionId"], answer

    def _reverse(self, call: Reverse) -> None:
        from referrals import reversing

        if call.convert in self.made:
            reversing.reverse(
                self.apps[call.app], self.made[call.convert], amount=call.amount, reason=call.reason, actor="bench"
            )

    def _happen(self, call: Happen) -> None:
        from fraud.models import Subject
        from fraud.writing import Seen, see_all
        from incentives import fastpath
        from incentives.engine import Doing

        app, context = self.apps[call.app], self._context(call)
        doing = Doing(call.user_id, call.action_key, call.idempotency_key)
        answer = fastpath.record(app, doing, actor="bench")
        if context.sent:
            see_all(app, [Seen(Subject.EVENT, answer["eventId"], call.user_id, context, call.at)])

    def _redeem(self, call: Redeem) -> None:
        from incentives import redeeming

        redeeming.redeem(
            self.apps[call.app], user_id=call.user_id, item_id=self.items[call.app][call.item], actor="bench"
        )

    def _guess(self, call: Guess) -> None:
        """As ``GET /v1/rewards/validate`` does it, each hand with a key and an address of its own."""
        from incenta.api import guessing

        attack = self.sealed.truth.hands[call.hand].ring
        minute = call.at.replace(second=0, microsecond=0)
        guessing._minute = lambda: int(minute.timestamp()) // 60  # the limit counts by the wall's clock
        asker = guessing.Asker.at(self.apps[call.app], f"hand {call.hand}", f"203.0.{call.hand % 256}.9")
        try:
            guessing.refuse_guesser(asker)
            self._guessed[attack][minute] += 1
            guessing.count_miss(asker)
        except guessing.TooManyGuesses:
            self._stopped.add(attack)

    # --- after --------------------------------------------------------------------------------------------------------
    def _collect(self) -> None:
        from incenta.database import sql

        asked = {"apps": self.played.app_ids}
        flags = {
            (kind, subject): (at, case)
            for kind, subject, at, case in sql.rows(
                """SELECT DISTINCT ON (subject_type, app_id, subject_id) subject_type, app_id || '/' || subject_id, first_at, case_id
                FROM fraud_flag WHERE app_id = ANY(%(apps)s) ORDER BY subject_type, app_id, subject_id, first_at, id""",
                asked,
            )
        }
        scores: dict[str, int] = {}
        codes: dict[str, tuple] = {}
        for app_id, subject, score, action, reasons in sql.rows(
            """SELECT app_id, subject_id, score, action, reasons::json FROM fraud_score WHERE app_id = ANY(%(apps)s)
            ORDER BY at, id""",
            asked,
        ):
            key = f"{app_id}/{subject}"
            if score > scores.get(key, -1) or key not in scores:
                scores[key] = score
                codes[key] = (action, tuple(f"{each['code']} {each['points']}" for each in reasons))
        self.played.looked = sql.rows(
            """SELECT subject_type, subject_id, campaign_id, stage, score, action, reasons::json, features::json, is_degraded, at
            FROM fraud_score WHERE app_id = ANY(%(apps)s) AND subject_type = 'CONVERSION' ORDER BY at, id""",
            asked,
        )
        rewards = {
            conversion: (minor, matures)
            for conversion, minor, matures in sql.rows(
                """SELECT conversion_id, sum(amount_minor)::bigint, max(coalesce(matures_at, created_at))
                FROM referrals_reward WHERE app_id = ANY(%(apps)s) GROUP BY conversion_id""",
                asked,
            )
        }
        for call in self.sealed.calls:
            if isinstance(call, Convert) and call.number in self.made:
                id, app_id = self.made[call.number], self.played.app_ids[call.app]
                key = f"{app_id}/{id}"
                held, case = flags.get(("CONVERSION", key), (None, ""))
                if held is None and self.answers[call.number]["status"] == "FLAGGED":
                    held = call.at  # through a code that is flagged itself
                minor, matures = rewards.get(id, (0, None))
                self.played.conversions.append(
                    Outcome(
                        label=self.sealed.truth.conversions[call.number],
                        app=call.app,
                        at=call.at,
                        subject_id=id,
                        held_at=held,
                        score=scores.get(key, 0),
                        minor=minor,
                        matures_at=matures,
                        codes=codes.get(key, ("", ()))[1],
                        case_id=case,
                        number=call.number,
                    )
                )
        placed = {
            (app_id, user): (at, case)
            for app_id, user, at, case in sql.rows(
                """SELECT DISTINCT ON (app_id, user_id) app_id, user_id, placed_at, case_id FROM fraud_personhold
                WHERE app_id = ANY(%(apps)s) ORDER BY app_id, user_id, placed_at""",
                asked,
            )
        }
        coins = {
            (app_id, user): minor
            for app_id, user, minor in sql.rows(
                "SELECT app_id, user_id, sum(coins)::bigint FROM incentives_activity WHERE app_id = ANY(%(apps)s) GROUP BY 1, 2",
                asked,
            )
        }
        for (app, user), label in self.sealed.truth.users.items():
            if self._stopped_at and self.sealed.truth.started[app, user] > self._stopped_at - timedelta(days=10):
                continue  # he was not seen for long enough
            app_id = self.played.app_ids[app]
            held, case = placed.get((app_id, user), (None, ""))
            key = f"{app_id}/{user}"
            self.played.users.append(
                Outcome(
                    label=label,
                    app=app,
                    at=self.sealed.truth.started[app, user],
                    subject_id=user,
                    held_at=held,
                    score=scores.get(key, 0),
                    minor=coins.get((app_id, user), 0),
                    codes=codes.get(key, ("", ()))[1],
                    case_id=case,
                )
            )
        for number, at in self.sealed.truth.leaked.items():
            if number not in self.referrals:
                continue
            app_id = self.played.app_ids[self.sealed.calls[number].app]
            held, _ = flags.get(("REFERRAL", f"{app_id}/{self.referrals[number]}"), (None, ""))
            self.played.leaked[number], self.played.codes[number] = at, held
        self.played.guesses = {
            attack: [max(minutes.values()), sum(minutes.values()), int(attack in self._stopped)]
            for attack, minutes in self._guessed.items()
        }
