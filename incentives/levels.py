"""Levels: reached by lifetime XP, whatever is spent. Each is given once, also where several are reached at once."""

from django.db import IntegrityError, transaction

from incenta import clock
from incenta.accounts.models import App
from incenta.errors import Conflict, InvalidInput, NotFound

from . import book
from .models import Level
from .rulemaking import amending, for_old_users


def face(level: Level) -> dict:
    return _rules(level) | {"createdAt": clock.iso(level.created_at), "updatedAt": clock.iso(level.updated_at)}


def _rules(level: Level) -> dict:
    return {
        "level": level.level,
        "name": level.name,
        "xpThreshold": level.xp_threshold,
        "coins": level.coins,
        "tokens": level.tokens,
        "badgeKey": level.badge_key or None,
        "perks": level.perks,
    }


def get(app: App, number: int) -> Level:
    """Raises ``NotFound`` ``level_not_found``."""
    level = app.levels.filter(level=number).first()
    if level is None:
        raise NotFound("level_not_found", f"There is no level {number}.")
    return level


def create(app: App, values: dict, *, actor: str = "", **for_whom: bool) -> dict:
    """A new level; answers its face. ``for_whom``: ``preview`` or ``backfill``, see :func:`rulemaking.for_old_users`.

    Raises ``Conflict`` ``level_exists`` or ``level_order``; ``InvalidInput`` for an unknown badge.
    """

    def change():
        with amending(app) as amendment:
            level = Level(app=app, created_at=amendment.now, updated_at=amendment.now)
            _fill(level, values)
            _check(app, level)
            try:
                with transaction.atomic():
                    level.save(force_insert=True)
            except IntegrityError:
                raise Conflict(
                    "level_exists", f"There is a level {level.level} already.", details={"level": ["Is taken."]}
                ) from None
            amendment.note("level", str(level.level), None, _rules(level), actor)
        return face(level), str(level.level), book.level_rule(level)

    return for_old_users(app, "level", change, actor=actor, **for_whom)


def revise(app: App, number: int, changes: dict, *, actor: str = "", **for_whom: bool) -> dict:
    """Changes a level; what it gave stays. Its number is its name and stays too. Raises as ``create``, and ``NotFound``."""

    def change():
        with amending(app) as amendment:
            level = get(app, number)
            before = _rules(level)
            _fill(level, changes)
            _check(app, level)
            after = _rules(level)
            if before != after:
                level.updated_at = amendment.now
                level.save()
                amendment.note("level", str(number), before, after, actor)
        return face(level), str(number), book.level_rule(level)

    return for_old_users(app, "level", change, actor=actor, **for_whom)


def delete(app: App, number: int, *, actor: str = "") -> None:
    """Takes a level out of the rules. What it gave stays with whom it was given. Raises ``NotFound`` ``level_not_found``."""
    with amending(app) as amendment:
        level = get(app, number)
        amendment.note("level", str(number), _rules(level), None, actor)
        level.delete()


def _fill(level: Level, values: dict) -> None:
    for name, value in values.items():
        setattr(level, name, (value or "") if name == "badge_key" else value)


def _check(app: App, level: Level) -> None:
    """A level needs more XP than those below it and less than those above it; its badge exists."""
    for number, threshold in app.levels.exclude(level=level.level).values_list("level", "xp_threshold"):
        if (number < level.level) != (threshold < level.xp_threshold) or threshold == level.xp_threshold:
            raise Conflict(
                "level_order",
                f"Level {number} begins at {threshold} XP: a higher level must need more XP than a lower one.",
                details={"xpThreshold": [f"Does not fit level {number}, which begins at {threshold} XP."]},
            )
    if level.badge_key and not app.badges.filter(key=level.badge_key).exists():
        raise InvalidInput({"badgeKey": [f"There is no badge {level.badge_key}."]})
