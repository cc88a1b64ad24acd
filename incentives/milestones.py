"""Milestones: so much XP, so many coins earned, events or conversions; each user reaches each at most once."""

from django.db import IntegrityError, transaction

from incenta import clock
from incenta.accounts.models import App
from incenta.errors import Conflict, NotFound

from . import book
from .models import Grant, Milestone
from .rulemaking import amending, for_old_users


def face(milestone: Milestone) -> dict:
    return _rules(milestone) | {
        "createdAt": clock.iso(milestone.created_at),
        "updatedAt": clock.iso(milestone.updated_at),
    }


def _rules(milestone: Milestone) -> dict:
    return {
        "key": milestone.key,
        "name": milestone.name,
        "metric": milestone.metric,
        "threshold": milestone.threshold,
        "coins": milestone.coins,
        "tokens": milestone.tokens,
        "active": milestone.active,
    }


def get(app: App, key: str) -> Milestone:
    """Raises ``NotFound`` ``milestone_not_found``."""
    milestone = app.milestones.filter(key=key).first()
    if milestone is None:
        raise NotFound("milestone_not_found", f"There is no milestone {key}.")
    return milestone


def create(app: App, values: dict, *, actor: str = "", **for_whom: bool) -> dict:
    """A new milestone; answers its face. ``for_whom``: ``preview`` or ``backfill``, see :func:`rulemaking.for_old_users`.

    Raises ``Conflict`` ``milestone_exists``.
    """

    def change():
        with amending(app) as amendment:
            milestone = Milestone(app=app, created_at=amendment.now, updated_at=amendment.now, **values)
            try:
                with transaction.atomic():
                    milestone.save(force_insert=True)
            except IntegrityError:
                raise Conflict(
                    "milestone_exists", f"There is a milestone {milestone.key} already.", details={"key": ["Is taken."]}
                ) from None
            amendment.note("milestone", milestone.key, None, _rules(milestone), actor)
        return face(milestone), milestone.key, book.milestone_rule(milestone) if milestone.active else None

    return for_old_users(app, "milestone", change, actor=actor, **for_whom)


def revise(app: App, key: str, changes: dict, *, actor: str = "", **for_whom: bool) -> dict:
    """Changes a milestone, or switches it off; who reached it has reached it. Raises ``NotFound``."""

    def change():
        with amending(app) as amendment:
            milestone = get(app, key)
            before = _rules(milestone)
            for name, value in changes.items():
                setattr(milestone, name, value)
            after = _rules(milestone)
            if before != after:
                milestone.updated_at = amendment.now
                milestone.save()
                amendment.note("milestone", key, before, after, actor)
        return face(milestone), key, book.milestone_rule(milestone) if milestone.active else None

    return for_old_users(app, "milestone", change, actor=actor, **for_whom)


def delete(app: App, key: str, *, actor: str = "") -> None:
    """Takes a milestone out of the rules. What it gave stays. Raises ``NotFound``."""
    with amending(app) as amendment:
        milestone = get(app, key)
        amendment.note("milestone", key, _rules(milestone), None, actor)
        milestone.delete()


def reached_face(grant: Grant, milestone: Milestone | None) -> dict:
    """A milestone as the user reached it. ``milestone`` is ``None`` where there is no such rule any more."""
    return {
        "key": grant.key,
        "name": milestone.name if milestone else "",
        "metric": milestone.metric if milestone else None,
        "threshold": milestone.threshold if milestone else None,
        "userId": grant.user_id,
        "achievedAt": clock.iso(grant.granted_at),
        "awarded": {"xp": grant.xp, "coins": grant.coins, "tokens": grant.tokens},
        "cause": {"type": grant.cause_type, "id": grant.cause},
        "ruleVersion": grant.rule_version,
    }
