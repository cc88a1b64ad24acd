"""Who meets a rule already and does not hold what it gives: counted for a preview, and taken batch by batch by a backfill."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from incenta.database import sql

from . import progress
from .book import BadgeRule, Book, LevelRule, MilestoneRule
from .progress import Given, State

if TYPE_CHECKING:
    from incenta.accounts.models import App

Rule = LevelRule | BadgeRule | MilestoneRule

_FROM_WALLETS = """FROM incentives_wallet u LEFT JOIN incentives_standing s ON s.app_id = u.app_id AND s.user_id = u.user_id
WHERE u.app_id = %(app_id)s AND u.user_id > %(after)s AND u.xp >= %(at)s"""
_FROM_TALLIES = """FROM incentives_actiontally u LEFT JOIN incentives_standing s ON s.app_id = u.app_id AND s.user_id = u.user_id
WHERE u.app_id = %(app_id)s AND u.user_id > %(after)s AND u.action_key = %(action_key)s AND u.rewarded >= %(at)s"""
_FROM_STANDINGS = """FROM incentives_standing u JOIN incentives_standing s ON s.id = u.id
WHERE u.app_id = %(app_id)s AND u.user_id > %(after)s AND u.{column} >= %(at)s"""

_FROM = {
    "xp": _FROM_WALLETS,
    "action": _FROM_TALLIES,
    **{
        measure: _FROM_STANDINGS.format(column=column)
        for measure, column in (
            ("streakDays", "longest_streak"),
            ("referrals", "conversions"),
            ("conversions", "conversions"),
            ("coinsEarned", "coins_earned"),
            ("events", "events"),
        )
    },
}
_LACKS = {
    "level": "NOT coalesce(%(key)s::int = ANY(s.paid_levels), false)",
    "badge": "NOT coalesce(%(key)s::text = ANY(s.badges), false)",
    "milestone": "NOT coalesce(%(key)s::text = ANY(s.milestones), false)",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What has to be counted for a rule: ``measure`` of at least ``at``, by users who lack ``key``."""

    noun: str
    key: str
    measure: str
    at: int
    action_key: str = ""

    @classmethod
    def of(cls, rule: Rule, levels: dict[int, int]) -> "Question | None":
        """``levels``: number → threshold. ``None`` where nobody can qualify: given by hand, or for a level that is not there."""
        if isinstance(rule, LevelRule):
            return cls("level", str(rule.level), "xp", rule.threshold)
        if isinstance(rule, MilestoneRule):
            return cls("milestone", rule.key, rule.metric, rule.at)
        if rule.measure == "level":
            thresholds = [threshold for level, threshold in levels.items() if level >= rule.at]
            return cls("badge", rule.key, "xp", min(thresholds)) if thresholds else None
        return cls("badge", rule.key, rule.measure, rule.at, rule.action_key) if rule.measure else None

    def _parameters(self, app: "App", after: str) -> dict:
        action = {"action_key": self.action_key} if self.measure == "action" else {}
        return {"app_id": app.pk, "after": after, "at": self.at, "key": self.key} | action

    def count(self, app: "App") -> int:
        """How many users qualify and do not hold it."""
        return sql.row(f"SELECT count(*) {_FROM[self.measure]} AND {_LACKS[self.noun]}", self._parameters(app, ""))[0]

    def users(self, app: "App", *, after: str, limit: int) -> list[str]:
        """The next of them, in the order of their ids."""
        found = sql.rows(
            f"SELECT u.user_id {_FROM[self.measure]} AND {_LACKS[self.noun]} ORDER BY u.user_id LIMIT %(limit)s",
            self._parameters(app, after) | {"limit": limit},
        )
        return [row[0] for row in found]

    def is_met(self, state: State) -> bool:
        """Whether a user qualifies, as he stands under the lock. What he holds is not looked at."""
        if self.measure == "action":
            return state.counts.get(self.action_key, 0) >= self.at
        return getattr(state, MEASURES[self.measure]) >= self.at


MEASURES = {
    "xp": "xp",
    "streakDays": "longest_streak",
    "referrals": "conversions",
    "conversions": "conversions",
    "coinsEarned": "coins_earned",
    "events": "events",
}


def count(app: "App", rule: Rule) -> int:
    """How many users of the app meet the rule, as it is given, and do not hold what it gives."""
    levels = dict(app.levels.values_list("level", "xp_threshold"))
    question = Question.of(rule, levels)
    return question.count(app) if question else 0


def rule_of(book: Book, noun: str, key: str) -> Rule | None:
    """A rule that is in force."""
    if noun == "level":
        return next((rule for rule in book.levels if str(rule.level) == key), None)
    if noun == "badge":
        return book.given.get(key)
    return next((rule for rule in book.milestones if rule.key == key), None)


def give(book: Book, state: State, rule: Rule) -> list[Given]:
    """What the rule gives a user who qualifies, with what that reaches; empty where it is held."""
    if isinstance(rule, LevelRule):
        return progress.give_level(book, state, rule)
    if isinstance(rule, MilestoneRule):
        return progress.give_milestone(book, state, rule)
    return progress.give_badge(book, state, rule)
