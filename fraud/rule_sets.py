"""Rule sets: drafted, tried on the past, watched in shadow, activated — by a second person where the app wants it — and rolled back.

A version never changes once it is made: an earlier one is made active again, and a better one is a new draft.
"""

from collections.abc import Mapping
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Max

from incenta import clock
from incenta.accounts.models import App, User
from incenta.errors import Conflict, InvalidInput, NotFound

from . import book
from .assessment import CAPS, CERTAIN, HIGHEST
from .models import FraudChange, RuleSet, RuleSetState
from .weights import signals

BUILT_IN: Final = 0
"""The version of the rules that the product comes with."""
RULES: Final = FraudChange.Noun.RULES
DRAFT, SHADOW, ACTIVE, RETIRED = RuleSetState.DRAFT, RuleSetState.SHADOW, RuleSetState.ACTIVE, RuleSetState.RETIRED


def get(app: App, rule_set_id: str) -> RuleSet:
    """Raises ``NotFound`` ``rule_set_not_found``."""
    found = app.fraud_rule_sets.filter(pk=rule_set_id).first()
    if found is None:
        raise _missing()
    return found


def in_force(app: App, campaign_id: str = "") -> RuleSet | None:
    """The active rule set of the app, or of one campaign itself; ``None``: the built-in rules, or the app's."""
    return app.fraud_rule_sets.filter(campaign_id=campaign_id, state=ACTIVE).first()


# --- what it may say ------------------------------------------------------------------------------------------------
def checked(rules: object) -> dict:
    """The rules as they are kept: what differs from the built-in ones. Raises ``InvalidInput`` for a signal or family that there
    is not, points or a cap outside 0 to 100, and for weakening what is certain by definition."""
    if not isinstance(rules, Mapping):
        raise InvalidInput({"rules": ["Must be an object."]})
    wrong: dict[str, list[str]] = {}
    for part in rules:
        if part not in ("signals", "caps"):
            wrong[f"rules.{str(part)[:60]}"] = ["Is not a part of the rules."]
    said_signals, said_caps = _part(rules, "signals", wrong), _part(rules, "caps", wrong)
    kept_signals = {code: word for code, said in said_signals.items() if (word := _signal(code, said, wrong))}
    kept_caps = {family: cap for family, cap in said_caps.items() if _is_other_cap(family, cap, wrong)}
    if wrong:
        raise InvalidInput(dict(list(wrong.items())[:20]))
    return {"signals": dict(sorted(kept_signals.items())), "caps": dict(sorted(kept_caps.items()))}


def _part(rules: Mapping, name: str, wrong: dict) -> Mapping:
    said = rules.get(name)
    if said is None or isinstance(said, Mapping):
        return said or {}
    wrong[f"rules.{name}"] = ["Must be an object."]
    return {}


def _signal(code: str, said: object, wrong: dict) -> dict | None:
    path = f"rules.signals.{str(code)[:60]}"
    signal = signals().get(code)
    if signal is None:
        wrong[path] = ["Is not a signal."]
    elif not isinstance(said, Mapping) or set(said) - {"on", "points"}:
        wrong[path] = ["Must be an object with on, points or both."]
    elif not isinstance(said.get("on", True), bool):
        wrong[f"{path}.on"] = ["Must be true or false."]
    elif not _is_score(said.get("points", signal.points)):
        wrong[f"{path}.points"] = [f"Must be a whole number from 0 to {HIGHEST}."]
    elif signal.family == CERTAIN and (not said.get("on", True) or said.get("points", signal.points) != signal.points):
        wrong[path] = ["Is certain by definition and cannot be weakened."]
    else:
        word = {"on": said.get("on", True), "points": said.get("points", signal.points)}
        return None if word == {"on": True, "points": signal.points} else word
    return None


def _is_other_cap(family: str, cap: object, wrong: dict) -> bool:
    path = f"rules.caps.{str(family)[:60]}"
    if family not in CAPS or family == CERTAIN:
        wrong[path] = ["Is not a family that has a cap."]
    elif not _is_score(cap):
        wrong[path] = [f"Must be a whole number from 0 to {HIGHEST}."]
    else:
        return cap != CAPS[family]
    return False


def _is_score(value: object) -> bool:
    return type(value) is int and 0 <= value <= HIGHEST


# --- verbs ----------------------------------------------------------------------------------------------------------
def create(
    app: App,
    rules: object,
    *,
    campaign_id: str = "",
    name: str = "",
    note: str = "",
    author: User | None = None,
    actor: str,
) -> RuleSet:
    """A new draft, the app's next version. Raises ``InvalidInput``; ``NotFound`` ``campaign_not_found``."""
    kept = checked(rules)
    if campaign_id and not app.campaigns.filter(pk=campaign_id).exists():
        raise NotFound("campaign_not_found", "Campaign not found.")
    with book.amending(app) as amendment:
        last = app.fraud_rule_sets.aggregate(last=Max("version"))["last"] or BUILT_IN
        draft = RuleSet.objects.create(
            app=app, campaign_id=campaign_id, version=last + 1, name=name, rules=kept, author=author,
            author_name=actor[:120], created_at=amendment.now, note=note,
        )  # fmt: skip
        amendment.note(RULES, draft.pk, "created", actor, {"version": draft.version})
    return draft


def shadow(app: App, rule_set_id: str, *, actor: str) -> RuleSet:
    """From now on it judges beside the rules in force, and does nothing. What was in shadow in its place is retired.

    Raises ``NotFound``; ``Conflict`` ``rule_set_active``, ``rule_set_in_shadow``.
    """
    with book.amending(app) as amendment:
        found = _locked(app, rule_set_id)
        if found.state == ACTIVE:
            raise Conflict("rule_set_active", f"Version {found.version} is active already.")
        if found.state == SHADOW:
            raise Conflict("rule_set_in_shadow", f"Version {found.version} is in shadow already.")
        before = app.fraud_rule_sets.filter(campaign_id=found.campaign_id, state=SHADOW).first()
        if before is not None:
            before.state = RETIRED
            before.save(update_fields=["state"])
        found.state = SHADOW
        _save(found, ["state"])
        amendment.note(RULES, found.pk, "shadowed", actor, {"version": found.version})
    return found


def activate(app: App, rule_set_id: str, *, by: User | None = None, actor: str, replaces: int | None = None) -> RuleSet:
    """Puts it in force for its app or campaign, from the next look on. What was in force there is retired.

    ``by``: the person; an API key is none. ``replaces``: the version that the person saw in force, 0 for the built-in one.
    Raises ``NotFound``; ``Conflict`` ``rule_set_active``, ``rules_changed`` (another one was activated meanwhile),
    ``second_person_needed``.
    """
    with book.amending(app) as amendment:
        found = _locked(app, rule_set_id)
        before = in_force(app, found.campaign_id)
        if found.state == ACTIVE:
            raise Conflict("rule_set_active", f"Version {found.version} is active already.", details=_by(found))
        _has_not_changed(before, replaces)
        if amendment.settings.two_person:
            _is_second_person(found, by)
        _put_in_force(amendment, found, before, actor, "activated")
    return found


def roll_back(
    app: App, version: int, *, campaign_id: str = "", by: User | None = None, actor: str, replaces: int | None = None
) -> RuleSet | None:
    """Makes an earlier version active again, as it was; 0: the built-in rules, or for a campaign the app's. One person may: each
    such version was in force before. Answers what is in force now.

    Raises ``NotFound``; ``Conflict`` ``never_active``, ``rule_set_active``, ``rules_changed``, ``second_person_needed`` (an API key).
    """
    with book.amending(app) as amendment:
        before = in_force(app, campaign_id)
        found = None
        if version != BUILT_IN:
            found = app.fraud_rule_sets.select_for_update().filter(campaign_id=campaign_id, version=version).first()
            if found is None:
                raise _missing()
            if found.activated_at is None:
                raise Conflict("never_active", f"Version {version} was never active: activate it instead.")
        if (found and found.state == ACTIVE) or (found is None and before is None):
            raise Conflict("rule_set_active", f"Version {version} is active already.")
        _has_not_changed(before, replaces)
        if amendment.settings.two_person and by is None:
            raise _a_person("roll rules back")
        if found is not None:
            _put_in_force(amendment, found, before, actor, "rolled_back")
        else:
            _retire(before)
            amendment.note(RULES, before.pk, "retired", actor, {"version": before.version})
    return found


def retire(app: App, rule_set_id: str, *, by: User | None = None, actor: str) -> RuleSet:
    """Takes it out of force or out of shadow, or gives a draft up. What is active leaves the built-in rules, or the app's.

    Raises ``NotFound``; ``Conflict`` ``rule_set_retired``, ``second_person_needed`` (an API key).
    """
    with book.amending(app) as amendment:
        found = _locked(app, rule_set_id)
        if found.state == RETIRED:
            raise Conflict("rule_set_retired", f"Version {found.version} is retired already.")
        if found.state == ACTIVE and amendment.settings.two_person and by is None:
            raise _a_person("take rules out of force")
        _retire(found)
        amendment.note(RULES, found.pk, "retired", actor, {"version": found.version})
    return found


def _locked(app: App, rule_set_id: str) -> RuleSet:
    found = app.fraud_rule_sets.select_for_update(of=("self",)).filter(pk=rule_set_id).first()
    if found is None:
        raise _missing()
    return found


def _missing() -> NotFound:
    return NotFound("rule_set_not_found", "Rule set not found.")


def _has_not_changed(before: RuleSet | None, replaces: int | None) -> None:
    stands = before.version if before else BUILT_IN
    if replaces is None or replaces == stands:
        return
    told = f"Version {before.version} was activated by {before.activated_by}" if before else "The built-in rules apply"
    raise Conflict(
        "rules_changed",
        f"{told} meanwhile. Please look again.",
        details=_by(before) if before else {"version": BUILT_IN},
    )


def _is_second_person(found: RuleSet, by: User | None) -> None:
    if by is None:
        raise _a_person("activate rules")
    if found.author_id == by.pk:
        raise Conflict(
            "second_person_needed", "You wrote this version: somebody else has to activate it.", details={"author": found.author_name}
        )  # fmt: skip


def _a_person(what: str) -> Conflict:
    return Conflict(
        "second_person_needed", f"This app wants two persons: an API key cannot {what}. Do it in the dashboard."
    )


def _put_in_force(amendment: book.Amendment, found: RuleSet, before: RuleSet | None, actor: str, kind: str) -> None:
    if before is not None:
        _retire(before)
    found.state, found.activated_by, found.activated_at = ACTIVE, actor[:120], amendment.now
    _save(found, ["state", "activated_by", "activated_at"])
    told = {"version": found.version, "replaced": before.version if before else BUILT_IN}
    amendment.note(RULES, found.pk, kind, actor, told)


def _retire(found: RuleSet) -> None:
    found.state = RETIRED
    found.save(update_fields=["state"])


def _save(found: RuleSet, fields: list[str]) -> None:
    """The lock of the settings lets one writer in at a time; should one come past it, the database says so."""
    try:
        with transaction.atomic():
            found.save(update_fields=fields)
    except IntegrityError:
        raise Conflict("rules_changed", "Somebody changed the rules meanwhile. Please look again.") from None


def _by(rule_set: RuleSet) -> dict:
    return {
        "id": rule_set.pk,
        "version": rule_set.version,
        "activatedBy": rule_set.activated_by,
        "activatedAt": clock.iso(rule_set.activated_at),
    }


def face(rule_set: RuleSet) -> dict:
    """A rule set as the API shows it."""
    return {
        "id": rule_set.pk,
        "version": rule_set.version,
        "name": rule_set.name,
        "campaignId": rule_set.campaign_id or None,
        "state": rule_set.state,
        "rules": rule_set.rules,
        "note": rule_set.note,
        "createdBy": rule_set.author_name,
        "createdAt": clock.iso(rule_set.created_at),
        "activatedBy": rule_set.activated_by or None,
        "activatedAt": clock.iso(rule_set.activated_at),
    }
