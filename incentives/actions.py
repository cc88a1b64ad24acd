"""Actions: what is rewarded, made and changed by the merchant."""

from django.db import IntegrityError, transaction

from incenta import clock
from incenta.accounts.models import App
from incenta.errors import Conflict, NotFound

from .models import Action
from .rulemaking import amending

FIELDS = ("name", "type", "xp", "coins", "tokens", "cooldown_s", "max_repeats", "max_per_day", "active")


def face(action: Action) -> dict:
    return {
        "key": action.key,
        "name": action.name,
        "type": action.type,
        "xp": action.xp,
        "coins": action.coins,
        "tokens": action.tokens,
        "cooldown": action.cooldown_s,
        "maxRepeats": action.max_repeats,
        "maxPerDay": action.max_per_day,
        "active": action.active,
        "createdAt": clock.iso(action.created_at),
        "updatedAt": clock.iso(action.updated_at),
    }


def create(app: App, key: str, values: dict, *, actor: str = "") -> Action:
    """A new action. Raises ``Conflict`` ``action_exists``."""
    now = clock.now(app)
    with amending(app) as amendment:
        try:
            with transaction.atomic():
                action = Action.objects.create(app=app, key=key, created_at=now, updated_at=now, **values)
        except IntegrityError:
            raise Conflict(
                "action_exists", f"There is an action {key} already.", details={"key": ["Is taken."]}
            ) from None
        amendment.note("action", key, None, _rules(action), actor)
    return action


def revise(app: App, key: str, changes: dict, *, actor: str = "") -> Action:
    """Changes an action; what was awarded stays. Raises ``NotFound`` ``action_not_found``."""
    with amending(app) as amendment:
        action = app.actions.filter(key=key).first()
        if action is None:
            raise NotFound("action_not_found", f"There is no action {key}.")
        before = _rules(action)
        for name, value in changes.items():
            setattr(action, name, value)
        after = _rules(action)
        if before != after:
            action.updated_at = amendment.now
            action.save()
            amendment.note("action", key, before, after, actor)
    return action


def _rules(action: Action) -> dict:
    return {name: value for name, value in face(action).items() if name not in ("createdAt", "updatedAt")}
