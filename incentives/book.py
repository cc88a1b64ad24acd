"""The rules of one app at one version, parsed once and kept in the process: what the engine decides by."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from threading import Lock
from zoneinfo import ZoneInfo

from incenta.accounts.models import App
from incenta.money import COIN, TOKEN

from .models import Action, Badge, Level, Milestone, Rulebook

PASSIVE = (Action.Type.REFERRAL_CLICK, Action.Type.REFERRAL_REFEREE_ACTION)


@dataclass(frozen=True, slots=True)
class ActionRule:
    key: str
    type: str
    xp: int
    coins: int
    tokens: int
    cooldown: timedelta | None
    max_repeats: int | None
    max_per_day: int | None
    active: bool

    @property
    def fires_itself(self) -> bool:
        """Whether the referral programme fires it, and nobody sends it."""
        return self.type != Action.Type.STANDARD


@dataclass(frozen=True, slots=True)
class LevelRule:
    level: int
    name: str
    threshold: int
    coins: int
    tokens: int
    badge_key: str


@dataclass(frozen=True, slots=True)
class BadgeRule:
    """``measure`` is xp, level, streakDays, referrals, or action; ``at`` the count from which it is met."""

    key: str
    measure: str
    action_key: str
    at: int
    xp: int
    coins: int


@dataclass(frozen=True, slots=True)
class MilestoneRule:
    key: str
    metric: str
    at: int
    coins: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Expiry:
    """After how long points end; ``round`` carries the end to the end of its day or month, in the app's zone."""

    count: int
    unit: str
    round: str

    def of(self, earned_at: datetime, zone: ZoneInfo) -> datetime:
        """When points earned at ``earned_at`` end. A month after 31 January is the end of February, never March."""
        local = earned_at.astimezone(zone)
        if self.unit == "month":
            months = local.year * 12 + local.month - 1 + self.count
            year, month = divmod(months, 12)
            last = calendar.monthrange(year, month + 1)[1]
            if local.day > last:
                # there is no such day: the whole last day counts, to its end
                return start_of(date(year, month + 1, last) + timedelta(days=1), zone)
            local = local.replace(year=year, month=month + 1)
        else:
            local = (local.replace(tzinfo=None) + timedelta(days=self.count)).replace(tzinfo=zone)
        if self.round == "day":
            return start_of(local.date() + timedelta(days=1), zone)
        if self.round == "month":
            first = (local.date().replace(day=1) + timedelta(days=32)).replace(day=1)
            return start_of(first, zone)
        return local.astimezone(UTC)


def start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Book:
    app_id: str
    version: int
    zone: ZoneInfo
    actions: dict[str, ActionRule]
    levels: tuple[LevelRule, ...]
    """By rising threshold."""
    badges: tuple[BadgeRule, ...]
    """Those with criteria, in the order they were made."""
    milestones: tuple[MilestoneRule, ...]
    expiries: dict[str, Expiry]
    freezes: int
    freeze_every: int | None
    freezes_most: int
    given: dict[str, BadgeRule]
    """Every badge, also those given by hand or with a level."""
    passive: tuple[str, ...] = ()
    """Actions that are others' doing: a friend's click or purchase does not lengthen the referrer's streak."""

    def level_of(self, xp: int) -> int:
        """The level that lifetime XP has reached: 0 before the first."""
        reached = 0
        for rule in self.levels:
            if rule.threshold > xp:
                break
            reached = rule.level
        return reached

    def next_level(self, xp: int) -> LevelRule | None:
        return next((rule for rule in self.levels if rule.threshold > xp), None)

    def expires_at(self, asset: str, earned_at: datetime) -> datetime | None:
        expiry = self.expiries.get(asset)
        return expiry.of(earned_at, self.zone) if expiry else None


def _read(app: App) -> Book:
    settings = Rulebook.objects.filter(app=app).first() or Rulebook(app=app, version=0)
    expiries = {}
    for asset, name in ((COIN, "coins"), (TOKEN, "tokens")):
        after, unit, rounded = (getattr(settings, f"{name}_expire_{part}") for part in ("after", "unit", "round"))
        if after:
            expiries[asset] = Expiry(after, unit, rounded)
    badges = list(app.badges.filter(active=True).order_by("id"))
    rules = {badge.key: badge_rule(badge) for badge in badges}
    actions = {
        action.key: ActionRule(
            key=action.key,
            type=action.type,
            xp=action.xp,
            coins=action.coins,
            tokens=action.tokens,
            cooldown=timedelta(seconds=action.cooldown_s) if action.cooldown_s else None,
            max_repeats=action.max_repeats,
            max_per_day=action.max_per_day,
            active=action.active,
        )
        for action in app.actions.all()
    }
    return Book(
        app_id=app.pk,
        version=settings.version,
        zone=ZoneInfo(app.timezone),
        actions=actions,
        levels=tuple(level_rule(level) for level in app.levels.order_by("xp_threshold")),
        badges=tuple(rule for rule in rules.values() if rule.measure),
        milestones=tuple(milestone_rule(milestone) for milestone in app.milestones.filter(active=True).order_by("id")),
        expiries=expiries,
        freezes=settings.streak_freezes,
        freeze_every=settings.streak_freeze_every,
        freezes_most=settings.streak_freezes_most,
        given=rules,
        passive=tuple(sorted(key for key, action in actions.items() if action.type in PASSIVE)),
    )


def level_rule(level: Level) -> LevelRule:
    return LevelRule(level.level, level.name, level.xp_threshold, level.coins, level.tokens, level.badge_key)


def milestone_rule(milestone: Milestone) -> MilestoneRule:
    return MilestoneRule(milestone.key, milestone.metric, milestone.threshold, milestone.coins, milestone.tokens)


def badge_rule(badge: Badge) -> BadgeRule:
    criteria = badge.criteria or {}
    if "actionKey" in criteria:
        return BadgeRule(badge.key, "action", criteria["actionKey"], criteria["count"], badge.xp, badge.coins)
    measure = next((name for name in ("xp", "level", "streakDays", "referrals") if name in criteria), "")
    return BadgeRule(badge.key, measure, "", criteria.get(measure, 0), badge.xp, badge.coins)


_kept: dict[str, Book] = {}
_lock = Lock()
_MOST_KEPT = 1_000


def kept(app: App) -> Book:
    """The rules as this process last read them; whoever reads the app's version elsewhere compares, and calls ``fresh``."""
    book = _kept.get(app.pk)
    return book if book is not None and book.zone.key == app.timezone else fresh(app)


def current(app: App) -> Book:
    """The rules as they stand now, read anew only where they have changed: one statement."""
    book = kept(app)
    return book if book.version == _version(app) else fresh(app)


def fresh(app: App) -> Book:
    """The rules as they stand now."""
    while True:
        book = _read(app)
        if book.version == _version(app):  # else somebody changed them between the reads
            break
    with _lock:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[app.pk] = book
    return book


def _version(app: App) -> int:
    return Rulebook.objects.filter(app=app).values_list("version", flat=True).first() or 0


def forget(app: App) -> None:
    """Drops what this process has kept of the app's rules. Other processes notice the version."""
    with _lock:
        _kept.pop(app.pk, None)
