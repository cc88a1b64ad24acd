"""What a draft of rules would have cost: the stored conversions of a campaign are replayed under it, and nothing is written.

Beside the draft stand what the rewards came to in fact, and what today's rules come to in the same replay. The difference between
these two is what no rule did: rewards cancelled by hand, what reviews took their time for, and the versions that stood in between.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import OperationalError

from incenta import clock, money
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import BadRequest, InvalidInput, TooManyRequests

from . import campaigns
from .converting import EARLIEST, FUTURE_TOLERANCE
from .models import Campaign
from .replaying import Before, Happened, Replay, Tally
from .rules import Rules

MOST: Final = 20_000
"""Conversions that are replayed at most: a few seconds' work. The answer says where it stopped."""
PAGE: Final = 2_000
SECONDS: Final = 10.0
"""After so long no further page is read."""
PATIENCE: Final = "10s"
"""For one statement."""
LONGEST: Final = timedelta(days=366)
USUALLY: Final = timedelta(days=90)
ACTUAL, TODAY = "ACTUAL", "TODAY"
AGAINST: Final = (ACTUAL, TODAY)
STOPPING: Final = ("budget", "maxRewardsPerReferrer", "rewardCap", "tiers")
"""The rules that make a reward smaller, or that it does not come about by."""
TOP, MOST_TOP = 10, 100

REPLAYED: Final = frozenset(
    """referralType rewardModel currency rewardValue rewardCap refereeRewardValue level2RewardValue level2RewardCap
    tierRewardModel tiers budget budgetPolicy maxRewardsPerReferrer firstTimeUserOnly startDate endDate conversionWindowDays
    fulfillmentType""".split()
)
"""The fields that a replay goes by; the others change nothing that can be counted."""

_OPEN = """SELECT set_config('incenta.patience', current_setting('statement_timeout'), true),
  set_config('statement_timeout', %(patience)s, true),
  pg_try_advisory_xact_lock(hashtext('referrals.simulate'), hashtext(%(app_id)s))"""
_CLOSE = "SELECT set_config('statement_timeout', current_setting('incenta.patience'), true)"
_TOO_LONG = "57014"
"""SQL state of a statement that was cut short."""

_PAGE = """
SELECT c.id, c.referrer_id, c.referee_id, c.status, c.amount_minor, c.converted_at,
  coalesce(c.trace #>> '{risk,outcome}' = 'held', false), r.created_at,
  CASE WHEN %(windowed)s THEN (SELECT max(k.clicked_at) FROM referrals_click k
    WHERE k.app_id = c.app_id AND k.referral_id = c.referral_id AND k.referee_id = c.referee_id AND k.clicked_at <= c.converted_at) END,
  coalesce(t.at, '{}'), coalesce(t.minor, '{}'),
  (SELECT json_agg(json_build_array(w.user_id, w.asset, w.amount_minor - w.reversed_minor, w.status = 'PENDING' AND w.holds <> '{}')
     ORDER BY w.id) FROM referrals_reward w WHERE w.app_id = c.app_id AND w.conversion_id = c.id AND w.status <> 'CANCELLED')
FROM referrals_conversion c
JOIN referrals_referral r ON r.id = c.referral_id
LEFT JOIN LATERAL (
  SELECT array_agg(v.created_at ORDER BY v.id) AS at, array_agg(v.amount_minor ORDER BY v.id) AS minor
  FROM referrals_reversal v WHERE v.app_id = c.app_id AND v.conversion_id = c.id
) t ON c.status <> 'CONVERTED' OR c.reversed_minor > 0
WHERE c.app_id = %(app_id)s AND c.campaign_id = %(campaign_id)s
  AND c.converted_at >= %(since)s AND c.converted_at < %(until)s
  AND (c.converted_at, c.id) > (%(after)s::timestamptz, %(after_id)s)
ORDER BY c.converted_at, c.id LIMIT %(limit)s
"""

# bounded by what the rules ask for, as in ``converting``
_BEFORE = """
SELECT p.id,
  (SELECT count(*) FROM (SELECT FROM referrals_conversion WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s
    AND referrer_id = p.id AND status = 'CONVERTED' AND converted_at < %(since)s LIMIT %(tier_most)s) c),
  (SELECT count(*) FROM (SELECT FROM referrals_reward w JOIN referrals_conversion c ON c.id = w.conversion_id
    WHERE w.app_id = %(app_id)s AND w.campaign_id = %(campaign_id)s AND w.user_id = p.id AND w.side = 'REFERRER'
      AND w.status <> 'CANCELLED' AND c.converted_at < %(since)s LIMIT %(reward_most)s) w),
  CASE WHEN %(levels)s THEN (SELECT referrer_id FROM referrals_conversion WHERE app_id = %(app_id)s
    AND campaign_id = %(campaign_id)s AND referee_id = p.id AND status = 'CONVERTED' AND converted_at < %(since)s
    ORDER BY converted_at LIMIT 1) END,
  %(first_time)s AND EXISTS (SELECT FROM referrals_conversion WHERE app_id = %(app_id)s AND campaign_id = %(campaign_id)s
    AND referee_id = p.id AND converted_at < %(since)s)
FROM unnest(%(people)s::text[]) p(id)
"""

_PROMISED = """
SELECT w.asset, sum(w.amount_minor - w.reversed_minor)::bigint FROM referrals_reward w
JOIN referrals_conversion c ON c.id = w.conversion_id
WHERE w.app_id = %(app_id)s AND w.campaign_id = %(campaign_id)s AND w.status <> 'CANCELLED' AND w.in_budget
  AND c.converted_at < %(since)s
GROUP BY w.asset
"""


def simulate(
    app: App,
    campaign_id: str,
    changes: dict,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    against: str = ACTUAL,
    top: int = TOP,
) -> dict:
    """What the campaign would have cost from ``since`` to ``until`` with ``changes`` (in the model's spelling) to its rules.

    ``against``: whom winners and losers are told by: what they got in fact, or what today's rules come to. At most ``MOST``
    conversions are replayed, the earliest; ``limited`` and ``replayedUntil`` say so.
    One at a time in an app: it is seconds of work, and no tenant has a right to all processes.
    Raises ``NotFound`` ``campaign_not_found``; ``InvalidInput``; ``BadRequest`` ``simulation_too_large``; ``TooManyRequests``
    ``simulation_running``.
    """
    since, until = window(app, since, until)
    try:
        today, draft = campaigns.drafted(app, campaign_id, changes)
    except InvalidInput as told:
        raise InvalidInput({f"rules.{field}": said for field, said in told.details.items()}) from None
    with sql.transaction_joined(), _bounded(app):
        run = _Run(app, today, draft, since, until)
        run.go()
    return run.face(against, top) | {"notReplayed": _not_replayed(today, draft)}


def window(app: App, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """The window that is meant: without a word the last 90 days. Raises ``InvalidInput``."""
    now = clock.now(app)
    for field, moment in (("from", since), ("to", until)):
        if moment is not None and moment < EARLIEST:
            raise InvalidInput({field: [f"Must not lie before {EARLIEST.year}."]})
    until = until or now
    since = since or until - USUALLY
    if until > now + FUTURE_TOLERANCE:
        raise InvalidInput({"to": ["Must not lie in the future."]})
    if since >= until:
        raise InvalidInput({"from": ["Must be before to."]})
    if until - since > LONGEST:
        raise InvalidInput({"from": [f"The window is {LONGEST.days} days at most."]})
    return since, until


@contextmanager
def _bounded(app: App) -> Iterator[None]:
    """No statement in here takes longer than is bearable, and nobody else of the app is in here."""
    try:
        *_, is_alone = sql.row(_OPEN, {"patience": PATIENCE, "app_id": app.pk})
        if not is_alone:
            raise TooManyRequests(
                "simulation_running", "A simulation of this app is running: wait for its answer.", retry_after=5
            )
        yield
        sql.row(_CLOSE)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != _TOO_LONG:
            raise
        raise BadRequest(
            "simulation_too_large", "This takes too long to look up. Narrow the window between from and to."
        ) from None


def _not_replayed(today: Campaign, draft: Campaign) -> list[str]:
    before, after = campaigns.rules_face(today), campaigns.rules_face(draft)
    return [field for field in before if before[field] != after[field] and field not in REPLAYED]


class _Run:
    """One simulation: two replays side by side, and the tally of what was."""

    def __init__(self, app: App, today: Campaign, draft: Campaign, since: datetime, until: datetime):
        self.campaign = today
        self.since, self.until, self.replayed_until = since, until, until
        self.is_limited = False
        self.conversions = 0
        self.actual = Tally()
        both = [Rules.of(today), Rules.of(draft)]
        self.window = {"app_id": app.pk, "campaign_id": today.pk, "since": since, "until": until}
        self.asked = {
            "windowed": any(rules.window is not None for rules in both),
            "levels": any(rules.level2_value for rules in both),
            "first_time": any(rules.first_time_user_only for rules in both),
            "tier_most": max(rules.tiers[-1].min_conversions if rules.tiers else 0 for rules in both),
            "reward_most": max(rules.max_rewards_per_referrer or 0 for rules in both),
        }
        promised: dict[str, int] = {}
        if any(rules.budget_minor is not None for rules in both):
            promised = dict(sql.rows(_PROMISED, self._of(_PROMISED)))
        self.today, self.draft = (Replay(rules, promised.get(rules.asset, 0)) for rules in both)
        self._known: set[str] = set()

    def _of(self, statement: str, **more: Any) -> dict[str, Any]:
        """The parameters that a statement names."""
        return {name: value for name, value in (self.window | self.asked | more).items() if f"%({name})s" in statement}

    def go(self) -> None:
        began = time.monotonic()
        after, after_id = self.since, ""
        while True:
            asked = self._of(_PAGE, after=after, after_id=after_id, limit=min(PAGE, MOST - self.conversions) + 1)
            found = sql.rows(_PAGE, asked)
            # one more than is taken tells whether there are more
            page, is_last = found[: asked["limit"] - 1], len(found) < asked["limit"]
            self._take(page)
            if is_last:
                break
            after, after_id = page[-1][5], page[-1][0]
            if self.conversions >= MOST or time.monotonic() - began > SECONDS:
                self.is_limited, self.replayed_until = True, after
                break
        for replay in (self.today, self.draft):
            replay.finish()

    def _take(self, page: list[tuple]) -> None:
        happened = [(Happened(*row[:-1]), row[-1]) for row in page]
        self._meet({user for one, _ in happened for user in (one.referrer_id, one.referee_id)})
        for one, rewards in happened:
            self.conversions += 1
            self.today.take(one)
            self.draft.take(one)
            for user_id, asset, minor, is_held in rewards or ():
                self.actual.add(user_id, asset, minor, is_held=is_held)

    def _meet(self, people: set[str]) -> None:
        """Reads what people had before the window, where the rules want to know; and of those who brought them, their rewards."""
        asked = self.asked
        if not (asked["tier_most"] or asked["reward_most"] or asked["levels"] or asked["first_time"]):
            return
        uplines = self._read(people - self._known)
        if asked["levels"] and asked["reward_most"]:
            self._read(uplines - self._known)  # who brought them again is of no matter: there is no third level

    def _read(self, people: set[str]) -> set[str]:
        """Answers who brought them."""
        if not people:
            return set()
        self._known |= people
        uplines = set()
        for user_id, *had in sql.rows(_BEFORE, self._of(_BEFORE, people=sorted(people))):
            before = Before(*had)
            self.today.know(user_id, before)
            self.draft.know(user_id, before)
            uplines.add(before.upline_id)
        return uplines - {None}

    # -- how it looks -------------------------------------------------------------------------------------------------
    def face(self, against: str, top: int) -> dict:
        base = self.actual if against == ACTUAL else self.today.tally
        draft = self.draft.tally
        return {
            "campaignId": self.campaign.pk,
            "ruleVersion": self.campaign.version,
            "from": clock.iso(self.since),
            "to": clock.iso(self.until),
            "limited": self.is_limited,
            "replayedUntil": clock.iso(self.replayed_until),
            "conversions": self.conversions,
            "draft": _replay_face(self.draft),
            "today": _replay_face(self.today),
            "actual": {"rewards": self.actual.rewards.total(), "costs": _costs(self.actual)},
            "against": against,
            "differences": _amounts({a: draft.amounts[a] - base.amounts[a] for a in _assets(draft, base)}),
            **_compared(base, draft, top),
        }


def _replay_face(replay: Replay) -> dict:
    return {
        "conversions": replay.conversions,
        "refused": [{"code": code, "conversions": count} for code, count in sorted(replay.refused.items())],
        "rewards": replay.tally.rewards.total(),
        "costs": _costs(replay.tally),
        "stopped": [{"rule": rule, "rewards": count} for rule, count in sorted(replay.stopped.items())],
    }


def _assets(*tallies: Tally) -> list[str]:
    return sorted({asset for tally in tallies for asset in tally.amounts})


def _costs(tally: Tally) -> list[dict]:
    return [
        {
            "currency": asset,
            "amount": money.to_number(tally.amounts[asset], asset),
            "held": money.to_number(tally.held[asset], asset),
            "rewards": tally.rewards[asset],
        }
        for asset in _assets(tally)
    ]


def _amounts(by_asset: dict[str, int]) -> list[dict]:
    return [{"currency": asset, "amount": money.to_number(minor, asset)} for asset, minor in sorted(by_asset.items())]


def _compared(base: Tally, draft: Tally, top: int) -> dict:
    """Who gets more, who less, and how many the same; each person in each currency by itself."""
    differences = {key: draft.of_user[key] - base.of_user[key] for key in {*base.of_user, *draft.of_user}}

    def side(is_of: Callable[[int], bool]) -> dict:
        moved = [(key, minor) for key, minor in differences.items() if is_of(minor)]
        sums: dict[str, int] = {}
        for (_, asset), minor in moved:
            sums[asset] = sums.get(asset, 0) + minor
        return {
            "users": len({user_id for (user_id, _), _ in moved}),
            "amounts": _amounts(sums),
            "top": [_person(key, base, draft) for key, _ in _largest(moved, top)],
        }

    unchanged = {user_id for user_id, _ in differences} - {user for (user, _), minor in differences.items() if minor}
    return {
        "winners": side(lambda minor: minor > 0),
        "losers": side(lambda minor: minor < 0),
        "unchanged": len(unchanged),
    }


def _largest(moved: Iterable[tuple[tuple[str, str], int]], top: int) -> list[tuple[tuple[str, str], int]]:
    # in major units, so that yen do not outweigh dollars by their missing cents
    return sorted(moved, key=lambda one: (-abs(money.to_decimal(one[1], one[0][1])), one[0]))[:top]


def _person(key: tuple[str, str], base: Tally, draft: Tally) -> dict:
    user_id, asset = key
    before, after = base.of_user[key], draft.of_user[key]
    return {
        "userId": user_id,
        "currency": asset,
        "before": money.to_number(before, asset),
        "after": money.to_number(after, asset),
        "difference": money.to_number(after - before, asset),
    }
