"""Badges: earned by their criteria, with a level, or given by hand; each user has each at most once."""

from django.db import IntegrityError, transaction

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import BadRequest, Conflict, InvalidInput, NotFound
from incenta.ids import new_id

from . import book, engine, ledger, progress
from .models import Badge, Grant
from .plan import Plan, read
from .rulemaking import amending, for_old_users

RESERVED = "user"
"""In the API's addresses, ``/badges/user/{userId}`` is who holds which."""


def face(badge: Badge) -> dict:
    return _rules(badge) | {"createdAt": clock.iso(badge.created_at), "updatedAt": clock.iso(badge.updated_at)}


def _rules(badge: Badge) -> dict:
    return {
        "key": badge.key,
        "name": badge.name,
        "description": badge.description,
        "icon": badge.icon,
        "criteria": badge.criteria,
        "xp": badge.xp,
        "coins": badge.coins,
        "active": badge.active,
    }


def get(app: App, key: str) -> Badge:
    """Raises ``NotFound`` ``badge_not_found``."""
    badge = app.badges.filter(key=key).first()
    if badge is None:
        raise NotFound("badge_not_found", f"There is no badge {key}.")
    return badge


def create(app: App, values: dict, *, actor: str = "", **for_whom: bool) -> dict:
    """A new badge; answers its face. ``for_whom``: ``preview`` or ``backfill``, see :func:`rulemaking.for_old_users`.

    Raises ``Conflict`` ``badge_exists``; ``InvalidInput`` for criteria of an unknown action, and for the key ``user``.
    """
    if values["key"] == RESERVED:
        raise InvalidInput({"key": ["Is reserved."]})

    def change():
        with amending(app) as amendment:
            badge = Badge(app=app, created_at=amendment.now, updated_at=amendment.now, **values)
            _check(app, badge)
            try:
                with transaction.atomic():
                    badge.save(force_insert=True)
            except IntegrityError:
                raise Conflict(
                    "badge_exists", f"There is a badge {badge.key} already.", details={"key": ["Is taken."]}
                ) from None
            amendment.note("badge", badge.key, None, _rules(badge), actor)
        return face(badge), badge.key, book.badge_rule(badge) if badge.active else None

    return for_old_users(app, "badge", change, actor=actor, **for_whom)


def revise(app: App, key: str, changes: dict, *, actor: str = "", **for_whom: bool) -> dict:
    """Changes a badge, or switches it off; who holds it keeps it. Raises as ``create``, and ``NotFound``."""

    def change():
        with amending(app) as amendment:
            badge = get(app, key)
            before = _rules(badge)
            for name, value in changes.items():
                setattr(badge, name, value)
            _check(app, badge)
            after = _rules(badge)
            if before != after:
                badge.updated_at = amendment.now
                badge.save()
                amendment.note("badge", key, before, after, actor)
        return face(badge), key, book.badge_rule(badge) if badge.active else None

    return for_old_users(app, "badge", change, actor=actor, **for_whom)


def _check(app: App, badge: Badge) -> None:
    action_key = (badge.criteria or {}).get("actionKey")
    if action_key is not None and not app.actions.filter(key=action_key).exists():
        raise InvalidInput({"criteria": [f"There is no action {action_key}."]})


# --- who holds them -------------------------------------------------------------------------------------------------
def held_face(grant: Grant, badge: Badge | None) -> dict:
    """A badge as its holder sees it. ``badge`` is ``None`` where there is no such rule any more."""
    return {
        "badgeKey": grant.key,
        "name": badge.name if badge else grant.key,
        "description": badge.description if badge else "",
        "icon": badge.icon if badge else "",
        "userId": grant.user_id,
        "earnedAt": clock.iso(grant.granted_at),
        "awarded": {"xp": grant.xp, "coins": grant.coins, "tokens": grant.tokens},
        "cause": {"type": grant.cause_type, "id": grant.cause},
        "reason": grant.reason or None,
        "ruleVersion": grant.rule_version,
    }


def award(app: App, key: str, user_id: str, *, reason: str = "", actor: str = "") -> tuple[dict, bool]:
    """Gives a badge by hand; answers it as its holder sees it, with the balances, and whether it was given now.

    Raises ``NotFound`` ``badge_not_found``; ``BadRequest`` ``badge_inactive``.
    """
    with sql.transaction_joined():
        badge = get(app, key)
        wallets = ledger.lock(app, [user_id])
        rules, found = read(app, wallets, [user_id])
        plan, state = Plan(app, rules, wallets, found.states, wallets.now), found.states[user_id]
        is_new = key not in state.badges
        xp, coins, level = state.xp, state.coins_earned, rules.level_of(state.xp)
        given = []
        if is_new:
            if key not in rules.given:
                raise BadRequest("badge_inactive", f"The badge {key} is switched off.")
            cause = new_id("awd")
            given = progress.give_badge(rules, state, rules.given[key])
            plan.give(user_id, given, cause=cause, cause_type="award", at=plan.now, reason=reason)
            plan.touch(user_id)
            plan.score(user_id, plan.now, xp=state.xp - xp, coins=state.coins_earned - coins)
        reached = {"balances": plan.balances(user_id), **engine.reached(given, rules.level_of(state.xp), level)}
        if is_new:
            common = {"eventId": None, "userId": user_id, "actionKey": None, "awardId": cause, "reason": reason}
            engine.tell_reached(plan, user_id, reached, common, ("award", cause), actor)
            plan.write()
        grant = app.grants.get(user_id=user_id, kind=Grant.Kind.BADGE, key=key, revoked_at=None)
        return held_face(grant, badge) | reached, is_new
