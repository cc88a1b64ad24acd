"""What rules would have made of conversions that happened: pure, one conversion after the other, in the order in which they happened.

The amounts are those of ``rewarding``, which decides the real ones; what it has to know of the world is kept here as it would have
stood under these rules. What was taken back is taken back at its moment; what reviews came to is taken as known from the beginning.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush

from . import rewarding
from .models.conversion import ConversionStatus
from .rewarding import Award
from .rules import Rules


@dataclass(frozen=True, slots=True)
class Happened:
    """A conversion as it is stored. ``clicked_at``: the friend's latest click before it. ``was_held``: by the first look.

    ``taken_at`` and ``taken_minor``: what was taken back of it, and when, in order; below zero where it was given back.
    """

    id: str
    referrer_id: str
    referee_id: str
    status: str
    amount_minor: int | None
    converted_at: datetime
    was_held: bool
    code_made_at: datetime
    clicked_at: datetime | None
    taken_at: list[datetime]
    taken_minor: list[int | None]

    @property
    def is_good(self) -> bool:
        """Whether it counted for tiers and levels until it was taken back."""
        return self.status == ConversionStatus.CONVERTED or (
            self.status == ConversionStatus.REVERSED and not self.was_held
        )

    def takings(self) -> Iterator[tuple[datetime, int, bool]]:
        """(when, how much of it is taken back from then on, whether that is all of it)."""
        if not self.amount_minor:
            if self.status == ConversionStatus.REVERSED and self.taken_at:
                yield self.taken_at[0], 0, True
            return
        total = 0
        for at, minor in zip(self.taken_at, self.taken_minor, strict=True):
            total += minor or 0
            yield at, total, total >= self.amount_minor


@dataclass(frozen=True, slots=True)
class Before:
    """What somebody had when the replay met him: good conversions and rewards as a referrer, who brought him, and whether he had
    converted in the campaign himself."""

    conversions: int = 0
    rewards: int = 0
    upline_id: str | None = None
    has_converted: bool = False


@dataclass(slots=True)
class Tally:
    """What rewards come to, in minor units. ``held``: what of it waits for a review or for a larger budget."""

    rewards: Counter[str] = field(default_factory=Counter)
    amounts: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    of_user: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, user_id: str, asset: str, minor: int, *, is_held: bool, rewards: int = 1) -> None:
        self.rewards[asset] += rewards
        self.amounts[asset] += minor
        self.of_user[user_id, asset] += minor
        if is_held:
            self.held[asset] += minor


@dataclass(slots=True)
class _Standing:
    """A conversion that may still be taken back, and what its awards are worth at present."""

    happened: Happened
    awards: list[Award]
    worth: list[int]
    is_counted: bool


class Replay:
    """The programme under ``rules``. ``promised_minor``: what the budget had promised before the first conversion."""

    def __init__(self, rules: Rules, promised_minor: int = 0):
        self.rules = rules
        self.tally = Tally()
        self.conversions = 0
        self.refused: Counter[str] = Counter()
        """Code of the refusal → conversions that these rules would not have taken."""
        self.stopped: Counter[str] = Counter()
        """Rule → rewards that it made smaller, or that it did not let come about."""
        self._promised = promised_minor
        self._earlier: Counter[str] = Counter()
        self._rewards_of: Counter[str] = Counter()
        self._converted: set[str] = set()
        self._brought: dict[str, dict[str, str]] = {}
        self._due: list[tuple[datetime, int, _Standing, int, bool]] = []
        self._pushed = 0

    def know(self, user_id: str, before: Before) -> None:
        """Tells what somebody had before. Once for each person, before he is first met."""
        self._earlier[user_id] = before.conversions
        self._rewards_of[user_id] = before.rewards
        if before.upline_id is not None:
            self._brought[user_id] = {"": before.upline_id}
        if before.has_converted:
            self._converted.add(user_id)

    def take(self, happened: Happened) -> None:
        """The next conversion. They come in the order in which they happened."""
        self._take_back_until(happened.converted_at)
        if refusal := self._refusal(happened):
            self.refused[refusal] += 1
            return
        rules = self.rules
        upline = next(iter(self._brought.get(happened.referrer_id, {}).values()), None)
        if upline in (happened.referrer_id, happened.referee_id):
            upline = None
        facts = rewarding.Facts(
            amount_minor=happened.amount_minor,
            referrer_id=happened.referrer_id,
            referee_id=happened.referee_id,
            upline_id=upline,
            earlier_conversions=self._earlier[happened.referrer_id],
            rewards_of={user: self._rewards_of[user] for user in (happened.referrer_id, upline) if user is not None},
            promised_minor=self._promised,
        )
        decision = rewarding.decide(rules, facts)
        self._note(decision.trace)
        self.conversions += 1
        self._converted.add(happened.referee_id)
        standing = _Standing(happened, decision.awards, [award.amount_minor for award in decision.awards], False)
        for award in decision.awards:
            self._worth_changed(happened, award, award.amount_minor, rewards=1)
        if happened.is_good:
            self._count(standing, True)
        for at, total, is_all in happened.takings():
            self._pushed += 1
            heappush(self._due, (at, self._pushed, standing, total, is_all))

    def finish(self) -> None:
        """Takes back what was taken back after the last conversion."""
        self._take_back_until(None)

    # -- what stands in the way ---------------------------------------------------------------------------------------
    def _refusal(self, happened: Happened) -> str | None:
        rules, at = self.rules, happened.converted_at
        if rules.first_time_user_only and happened.referee_id in self._converted:
            return "already_converted"
        if rules.end_at and at >= rules.end_at:
            return "campaign_ended"
        if rules.start_at and at < rules.start_at:
            return "campaign_not_started"
        if rules.window is not None and at > (happened.clicked_at or happened.code_made_at) + rules.window:
            return "conversion_window_expired"
        return None

    def _note(self, trace: list[dict]) -> None:
        for step in trace:
            match step:
                case {"rule": "reward", "outcome": "cap hit"}:
                    self.stopped["rewardCap"] += 1
                case {"rule": "tier", "outcome": "no tier reached"}:
                    self.stopped["tiers"] += 1
                case {"rule": "maxRewardsPerReferrer", "outcome": "reached"}:
                    self.stopped["maxRewardsPerReferrer"] += 1
                case {"rule": "budget", "outcome": outcome} if outcome != "pass":
                    self.stopped["budget"] += 1

    # -- what stands --------------------------------------------------------------------------------------------------
    def _worth_changed(self, happened: Happened, award: Award, minor: int, *, rewards: int = 0) -> None:
        is_held = award.over_budget or happened.status == ConversionStatus.FLAGGED
        self.tally.add(award.user_id, self.rules.asset, minor, is_held=is_held, rewards=rewards)
        if award.side == "REFERRER":
            self._rewards_of[award.user_id] += rewards
        if not award.over_budget:
            self._promised += minor

    def _count(self, standing: _Standing, is_counted: bool) -> None:
        """Whether it counts for the referrer's tiers, and brings the friend below him."""
        happened = standing.happened
        standing.is_counted = is_counted
        self._earlier[happened.referrer_id] += 1 if is_counted else -1
        brought = self._brought.setdefault(happened.referee_id, {})
        if is_counted:
            brought[happened.id] = happened.referrer_id
        else:
            brought.pop(happened.id, None)

    def _take_back_until(self, moment: datetime | None) -> None:
        while self._due and (moment is None or self._due[0][0] <= moment):
            _, _, standing, total, is_all = heappop(self._due)
            happened = standing.happened
            for place, award in enumerate(standing.awards):
                was = standing.worth[place]
                left = 0 if is_all else rewarding.worth_after(award.amount_minor, happened.amount_minor, total)
                standing.worth[place] = left
                self._worth_changed(happened, award, left - was, rewards=(left > 0) - (was > 0))
            is_counted = happened.is_good and not is_all
            if is_counted != standing.is_counted:
                self._count(standing, is_counted)
