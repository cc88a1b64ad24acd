"""Mutes: an analyst snoozes a signal for a key or a user. It is still computed and shown, and adds no points meanwhile."""

from datetime import datetime, timedelta
from typing import Final

from incenta import clock
from incenta.accounts.models import App
from incenta.errors import Conflict, InvalidInput, NotFound

from . import book, keys
from .context import Context
from .context import of as context_of
from .models import FraudChange, KeyKind, Mute
from .weights import is_signal, may_be_muted

DAYS: Final = (30, 90)
"""What the pages offer."""
LONGEST: Final = timedelta(days=366)
MOST_MUTES: Final = 20_000
KINDS: Final = {kind.name: kind for kind in (KeyKind.IP, KeyKind.DEVICE, KeyKind.EMAIL, KeyKind.PHONE, KeyKind.PAYMENT)}
"""By the names of the API."""
_SENT_AS: Final = {
    KeyKind.IP: "ip",
    KeyKind.DEVICE: "deviceId",
    KeyKind.EMAIL: "email",
    KeyKind.PHONE: "phone",
    KeyKind.PAYMENT: "paymentFingerprint",
}


def key_of(app: App, kind: str, value: str) -> tuple[KeyKind, int]:
    """The key of a value as merchants send it, ``("DEVICE", "d-17")``. Raises ``InvalidInput`` for what says nothing of anybody."""
    if kind not in KINDS:
        raise InvalidInput({"kind": [f"Must be one of {', '.join(KINDS)}."]})
    context: Context = context_of({_SENT_AS[KINDS[kind]]: value})
    found = keys.of(app, context).get(KINDS[kind])
    if found is None:
        raise InvalidInput({"value": [f"Is no {KINDS[kind].label} that could be somebody's."]})
    return KINDS[kind], found


def add(
    app: App,
    signal: str,
    *,
    until: datetime,
    user_id: str | None = None,
    key: tuple[KeyKind, int] | None = None,
    reason: str = "",
    actor: str,
) -> Mute:
    """Mutes a signal for a user or for a key until a moment. Where it is muted already, the later end counts: harmless twice.

    Raises ``InvalidInput``; ``Conflict`` ``mutes_full``.
    """
    if not is_signal(signal):
        raise InvalidInput({"signal": ["Is not a signal."]})
    if not may_be_muted(signal):
        raise InvalidInput({"signal": ["Is certain by definition and cannot be muted."]})
    if (user_id is None) == (key is None):
        raise InvalidInput({"userId": ["Either userId, or kind and value."]})
    kind, value = key or (None, None)
    with book.amending(app) as amendment:
        now = amendment.now
        if not now < until <= now + LONGEST:
            raise InvalidInput({"until": ["Must be in the future, and at most 366 days ahead."]})
        there = app.fraud_mutes.filter(signal=signal, user_id=user_id, kind=kind, key=value, removed_at=None).first()
        if there is not None and now < there.expires_at:
            if there.expires_at < until:
                there.expires_at = until
                there.save(update_fields=["expires_at"])
                amendment.note(FraudChange.Noun.MUTE, there.pk, "changed", actor, {"expiresAt": clock.iso(until)})
            return there
        if there is not None:
            _end(there, there.expires_at, "expiry")
        elif app.fraud_mutes.filter(removed_at=None).count() >= MOST_MUTES:
            raise Conflict("mutes_full", f"At most {MOST_MUTES:,} signals are muted at once.")
        mute = Mute.objects.create(
            app=app, signal=signal, kind=kind, key=value, user_id=user_id, reason=reason, actor=actor[:120],
            created_at=now, expires_at=until,
        )  # fmt: skip
        amendment.note(FraudChange.Noun.MUTE, mute.pk, "added", actor, {"signal": signal})
    return mute


def end(app: App, mute_id: str, *, actor: str) -> None:
    """The signal speaks again. Raises ``NotFound`` ``mute_not_found``."""
    with book.amending(app) as amendment:
        mute = app.fraud_mutes.select_for_update().filter(pk=mute_id, removed_at=None).first()
        if mute is None:
            raise NotFound("mute_not_found", "Mute not found.")
        _end(mute, amendment.now, actor)
        amendment.note(FraudChange.Noun.MUTE, mute.pk, "removed", actor, {"signal": mute.signal})


def _end(mute: Mute, now: datetime, actor: str) -> None:
    mute.removed_at, mute.removed_by = now, actor[:120]
    mute.save(update_fields=["removed_at", "removed_by"])


def face(mute: Mute) -> dict:
    """A mute as the API shows it. Of a key only the kind and the keyed hash are known here."""
    return {
        "id": mute.pk,
        "signal": mute.signal,
        "userId": mute.user_id,
        "kind": None if mute.kind is None else KeyKind(mute.kind).name,
        "key": None if mute.key is None else f"{mute.key & (2**64 - 1):016x}",
        "reason": mute.reason,
        "createdBy": mute.actor,
        "createdAt": clock.iso(mute.created_at),
        "expiresAt": clock.iso(mute.expires_at),
    }
