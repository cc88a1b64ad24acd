"""What an event changes for its user: streak, level, badges, milestones. Pure: no query, no clock.

A level, badge or milestone is given when it is *crossed*: not met before, met after, and not held already. Rules made later
therefore give nothing to those who already qualify; a backfill does that, on request.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

from .book import BadgeRule, Book


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

    def measures(self) -> tuple[int, int, int, int, int, int]:
        return self.xp, self.coins_earned, self.events, self.conversions, self.level, self.streak


@dataclass(slots=True)
class Given:
    """Something reached, and what it gives."""

    kind: str
    key: str
    xp: int = 0
    coins: int = 0
    tokens: int = 0


def extend_streak(book: Book, state: State, day: date) -> bool:
    """Counts ``day`` into the streak. Answers whether the days before have to be read to know: an event that comes late.

    Missed days are covered by freezes where there are enough; a frozen day keeps the streak and does not lengthen it.
    """
    last = state.streak_day
    if last is not None and day <= last:
        return day < last
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
    return False


def streak_ending(days: list[date]) -> int:
    """How many days in a row the last of these rising days ends."""
    length = 0
    for place in range(len(days) - 1, -1, -1):
        if length and days[place] != days[place + 1] - timedelta(days=1):
            break
        length += 1
    return length


def advance(book: Book, before: tuple, state: State, *, action_key: str = "", count_before: int = 0) -> list[Given]:
    """What is reached now. ``before`` is ``state.measures()`` as it was; ``state`` holds the event's own gains already.

    What is given may itself cross the next threshold; each thing is given once, so this ends.
    """
    given: list[Given] = []
    xp0, coins0, events0, conversions0, level0, streak0 = before
    while True:
        size = len(given)
        state.level = book.level_of(state.xp)
        for rule in book.levels:
            if xp0 < rule.threshold <= state.xp and rule.level not in state.paid_levels:
                state.paid_levels.add(rule.level)
                _give(state, given, Given("level", str(rule.level), 0, rule.coins, rule.tokens))
                if badge := book.given.get(rule.badge_key):
                    _give_badge(state, given, badge)
        for badge in book.badges:
            if badge.key in state.badges:
                continue
            if badge.measure == "action":
                met = badge.action_key == action_key and count_before < badge.at <= state.counts.get(action_key, 0)
            elif badge.measure == "xp":
                met = xp0 < badge.at <= state.xp
            elif badge.measure == "level":
                met = level0 < badge.at <= state.level
            elif badge.measure == "streakDays":
                met = streak0 < badge.at <= state.streak
            else:
                met = conversions0 < badge.at <= state.conversions
            if met:
                _give_badge(state, given, badge)
        for milestone in book.milestones:
            if milestone.key in state.milestones:
                continue
            was, now = {
                "xp": (xp0, state.xp),
                "coinsEarned": (coins0, state.coins_earned),
                "events": (events0, state.events),
                "conversions": (conversions0, state.conversions),
            }[milestone.metric]
            if was < milestone.at <= now:
                state.milestones.add(milestone.key)
                _give(state, given, Given("milestone", milestone.key, 0, milestone.coins, milestone.tokens))
        if len(given) == size:
            return given


def _give_badge(state: State, given: list[Given], badge: BadgeRule) -> None:
    if badge.key not in state.badges:
        state.badges.add(badge.key)
        _give(state, given, Given("badge", badge.key, badge.xp, badge.coins, 0))


def _give(state: State, given: list[Given], what: Given) -> None:
    given.append(what)
    state.xp += what.xp
    state.coins_earned += what.coins
