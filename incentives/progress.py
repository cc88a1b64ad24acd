"""What an event changes for its user: streak, level, badges, milestones. Pure: no query, no clock.

A level, badge or milestone is given when it is *crossed*: not met before, met after, and not held already. Rules made later
therefore give nothing to those who already qualify; a backfill does that, on request.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from .book import BadgeRule, Book, LevelRule, MilestoneRule


class Measures(NamedTuple):
    """What thresholds are compared with. ``longest_streak`` counts too: a day that comes late may complete an old streak."""

    xp: int
    coins_earned: int
    events: int
    conversions: int
    streak: int
    longest_streak: int


@dataclass(slots=True)
class State:
    """Where a user stands. ``counts``: action key → how often it was rewarded, for the actions at hand."""

    xp: int = 0
    coins_earned: int = 0
    events: int = 0
    conversions: int = 0
    level: int = 0
    streak: int = 0
    longest_streak: int = 0
    streak_day: date | None = None
    freezes: int = 0
    timezone: str = ""
    paid_levels: set[int] = field(default_factory=set)
    badges: set[str] = field(default_factory=set)
    milestones: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    is_new: bool = False
    on_hold: bool = False
    """In review: what is done counts, and gives nothing until the review has ended."""
    risk_score: int | None = None
    """Of who is in review, at the newest look at how he earns."""

    def measures(self) -> Measures:
        """Who is new has not even 0 XP yet, and so reaches a level that begins there by the first thing done."""
        xp = -1 if self.is_new else self.xp
        return Measures(xp, self.coins_earned, self.events, self.conversions, self.streak, self.longest_streak)


@dataclass(slots=True)
class Given:
    """Something reached, and what it gives."""

    kind: str
    key: str
    xp: int = 0
    coins: int = 0
    tokens: int = 0


# --- streaks --------------------------------------------------------------------------------------------------------
def extend_streak(book: Book, state: State, day: date) -> None:
    """Counts a day that is not late into the streak.

    Missed days are covered by freezes where there are enough; a frozen day keeps the streak and does not lengthen it.
    """
    last = state.streak_day
    if last == day:
        return
    missed = (day - last).days - 1 if last is not None else None
    if missed is not None and missed <= state.freezes:
        state.freezes -= missed
        state.streak += 1
    else:
        state.streak = 1
    state.streak_day = day
    state.longest_streak = max(state.longest_streak, state.streak)
    if book.freeze_every and state.streak % book.freeze_every == 0:
        state.freezes = min(state.freezes + 1, max(book.freezes_most, state.freezes))


def streak_now(state: State, today: date) -> int:
    """How long the streak is as seen today: 0 once more days were missed than there are freezes."""
    if state.streak_day is None:
        return 0
    return state.streak if (today - state.streak_day).days - 1 <= state.freezes else 0


def join_streaks(book: Book, state: State, days: Iterable[date]) -> None:
    """Walks all the user's days anew, for one of them came late: it may join what was broken, and give a freeze back.

    Nobody loses by an event that comes late: what a walk by other rules or other freezes would shorten stays.
    """
    walked = State(freezes=book.freezes)
    for day in sorted(days):
        extend_streak(book, walked, day)
    state.longest_streak = max(state.longest_streak, walked.longest_streak, walked.streak)
    if walked.streak_day == state.streak_day:
        state.streak = max(state.streak, walked.streak)
        state.freezes = max(state.freezes, walked.freezes)


# --- crossing -------------------------------------------------------------------------------------------------------
def advance(book: Book, before: Measures, state: State, *, action_key: str = "", count_before: int = 0) -> list[Given]:
    """What is reached now. ``before`` is ``state.measures()`` as it was; ``state`` holds the event's own gains already.

    What is given may itself cross the next threshold; each thing is given once, so this ends.
    """
    given: list[Given] = []
    level_before = book.level_of(before.xp)
    while True:
        size = len(given)
        state.level = book.level_of(state.xp)
        for rule in book.levels:
            if before.xp < rule.threshold <= state.xp and rule.level not in state.paid_levels:
                _give_level(book, state, given, rule)
        for badge in book.badges:
            if badge.key in state.badges:
                continue
            at = badge.at
            if badge.measure == "action":
                met = badge.action_key == action_key and count_before < at <= state.counts.get(action_key, 0)
            elif badge.measure == "xp":
                met = before.xp < at <= state.xp
            elif badge.measure == "level":
                met = level_before < at <= state.level
            elif badge.measure == "streakDays":
                met = before.streak < at <= state.streak or before.longest_streak < at <= state.longest_streak
            else:
                met = before.conversions < at <= state.conversions
            if met:
                _give_badge(state, given, badge)
        for milestone in book.milestones:
            if milestone.key not in state.milestones:
                measure = MEASURE_OF_METRIC[milestone.metric]
                if getattr(before, measure) < milestone.at <= getattr(state, measure):
                    _give_milestone(state, given, milestone)
        if len(given) == size:
            return given


MEASURE_OF_METRIC = {"xp": "xp", "coinsEarned": "coins_earned", "events": "events", "conversions": "conversions"}


def give_level(book: Book, state: State, rule: LevelRule) -> list[Given]:
    """A level's reward outside its crossing, and what that reaches. Empty where it was given."""
    if rule.level in state.paid_levels:
        return []
    before, given = state.measures(), []
    _give_level(book, state, given, rule)
    return given + advance(book, before, state)


def give_badge(book: Book, state: State, badge: BadgeRule) -> list[Given]:
    """A badge outside its criteria, and what it reaches by its XP and coins. Empty where it is held."""
    before, given = state.measures(), []
    _give_badge(state, given, badge)
    return given + (advance(book, before, state) if given else [])


def give_milestone(book: Book, state: State, rule: MilestoneRule) -> list[Given]:
    """A milestone outside its crossing, and what it reaches by its coins. Empty where it is held."""
    if rule.key in state.milestones:
        return []
    before, given = state.measures(), []
    _give_milestone(state, given, rule)
    return given + advance(book, before, state)


def _give_level(book: Book, state: State, given: list[Given], rule: LevelRule) -> None:
    state.paid_levels.add(rule.level)
    _give(state, given, Given("level", str(rule.level), 0, rule.coins, rule.tokens))
    if badge := book.given.get(rule.badge_key):
        _give_badge(state, given, badge)


def _give_milestone(state: State, given: list[Given], rule: MilestoneRule) -> None:
    state.milestones.add(rule.key)
    _give(state, given, Given("milestone", rule.key, 0, rule.coins, rule.tokens))


def _give_badge(state: State, given: list[Given], badge: BadgeRule) -> None:
    if badge.key not in state.badges:
        state.badges.add(badge.key)
        _give(state, given, Given("badge", badge.key, badge.xp, badge.coins, 0))


def _give(state: State, given: list[Given], what: Given) -> None:
    given.append(what)
    state.xp += what.xp
    state.coins_earned += what.coins
