"""Streaks and crossing, without a database: the order in which days are told changes nothing, and nothing is given twice."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from incentives import progress
from incentives.book import BadgeRule, Book, LevelRule, MilestoneRule
from incentives.progress import State


def book(**more) -> Book:
    parts = {"levels": (), "badges": (), "milestones": (), "freezes": 0, "freeze_every": None, "freezes_most": 5} | more
    given = {badge.key: badge for badge in parts["badges"]} | parts.pop("given", {})
    return Book(app_id="app", version=1, zone=ZoneInfo("UTC"), actions={}, expiries={}, given=given, **parts)


DAYS = st.lists(st.integers(0, 25), min_size=1, max_size=30).map(
    lambda days: [date(2026, 1, 1) + timedelta(days=day) for day in days]
)


def tell(rules: Book, days: list[date]) -> State:
    """What the engine does with these days, in this order."""
    state, seen = State(freezes=rules.freezes), set()
    for day in days:
        if day in seen:
            continue
        seen.add(day)
        if state.streak_day is not None and day < state.streak_day:
            progress.join_streaks(rules, state, seen)
        else:
            progress.extend_streak(rules, state, day)
    return state


def naive(days: set[date]) -> tuple[int, int]:
    """(the streak that ends on the last day, the longest one)."""
    lengths = {}
    for day in sorted(days):
        lengths[day] = lengths.get(day - timedelta(days=1), 0) + 1
    return lengths[max(days)], max(lengths.values())


@given(DAYS)
def test_a_streak_is_the_same_in_any_order(days):
    state = tell(book(), days)
    assert (state.streak, state.longest_streak) == naive(set(days))
    assert state.streak_day == max(days)


@given(DAYS, st.integers(0, 3), st.integers(1, 5))
def test_freezes_never_make_a_streak_shorter_and_are_never_below_zero(days, freezes, every):
    frozen = tell(book(freezes=freezes, freeze_every=every), sorted(days))
    assert frozen.streak >= tell(book(), sorted(days)).streak
    assert 0 <= frozen.freezes <= max(5, freezes)
    late = tell(book(freezes=freezes, freeze_every=every), days)
    assert late.longest_streak >= frozen.longest_streak or sorted(days) != days


def test_today_is_not_missed_yet():
    state = State(streak=4, streak_day=date(2026, 1, 10), freezes=1)
    shown = [progress.streak_now(state, date(2026, 1, day)) for day in (10, 11, 12, 13)]
    assert shown == [4, 4, 4, 0] and progress.streak_now(State(), date(2026, 1, 1)) == 0


RULES = book(
    levels=(LevelRule(1, "", 0, 1, 0, ""), LevelRule(2, "", 50, 2, 1, "second"), LevelRule(3, "", 120, 4, 0, "")),
    badges=(
        BadgeRule("xp", "xp", "", 40, 30, 3),
        BadgeRule("level", "level", "", 3, 15, 0),
        BadgeRule("visits", "action", "visit", 3, 5, 5),
        BadgeRule("friends", "referrals", "", 2, 7, 0),
    ),
    milestones=(MilestoneRule("coins", "coinsEarned", 20, 6, 2), MilestoneRule("events", "events", 4, 1, 0)),
    given={"second": BadgeRule("second", "", "", 0, 9, 0)},
)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 15), st.booleans()), max_size=12))
def test_each_thing_is_given_once_and_the_end_does_not_depend_on_the_steps(steps):
    state, given_keys, awarded = State(is_new=True), [], [0, 0]
    for xp, coins, is_visit in steps:
        before, count = state.measures(), state.counts.get("visit", 0)
        state.events += 1
        state.xp += xp
        state.coins_earned += coins
        state.counts["visit"] = count + is_visit
        got = progress.advance(RULES, before, state, action_key="visit" if is_visit else "other", count_before=count)
        state.is_new = False
        given_keys += [(what.kind, what.key) for what in got]
        awarded[0] += xp + sum(what.xp for what in got)
        awarded[1] += coins + sum(what.coins for what in got)
    assert len(given_keys) == len(set(given_keys))
    assert (state.xp, state.coins_earned) == tuple(awarded)
    if steps:
        assert state.paid_levels == {rule.level for rule in RULES.levels if rule.threshold <= state.xp}
        assert ("xp" in state.badges, "level" in state.badges) == (state.xp >= 40, state.xp >= 120)
        assert ("second" in state.badges) == (state.xp >= 50)
        assert state.milestones == {
            key for key, met in (("coins", state.coins_earned >= 20), ("events", state.events >= 4)) if met
        }


def test_what_was_met_before_the_rule_was_made_is_not_given_by_the_next_event():
    state = State(xp=500, coins_earned=500, events=50, conversions=9, level=3)
    before = state.measures()
    state.xp += 1
    assert progress.advance(RULES, before, state) == []
    assert [what.key for what in progress.give_level(RULES, state, RULES.levels[1])] == ["2", "second"]
    assert progress.give_level(RULES, state, RULES.levels[1]) == []


def test_a_level_by_a_badges_xp_by_a_level():
    state = State(xp=39)
    before = state.measures()
    state.xp += 1
    got = [(what.kind, what.key) for what in progress.advance(RULES, before, state)]
    # 40 XP give the badge, whose 30 reach level 2, whose badge gives 9
    assert got == [("badge", "xp"), ("level", "2"), ("badge", "second")]
    assert (state.xp, state.level) == (79, 2)
