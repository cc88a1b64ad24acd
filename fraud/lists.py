"""Lists: who is always let through, and who never, said by people beforehand."""

from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction

from incenta import clock
from incenta.accounts.models import App
from incenta.errors import Conflict, InvalidInput, NotFound

from . import book
from .list_matcher import NOUNS, Kind, normal
from .models import FraudChange, ListEntry

LIST: Final = FraudChange.Noun.LIST
MOST_ENTRIES: Final = 50_000


def add(
    app: App, side: str, kind: str, value: str, *, reason: str = "", expires_at: datetime | None = None, actor: str
) -> ListEntry:
    """Puts a value on a list; from the next look on it counts. One that has run out is replaced.

    Raises ``InvalidInput``; ``Conflict`` ``entry_exists`` naming the entry, ``list_full``.
    """
    told = normal(kind, value)
    with book.amending(app) as amendment:
        now = amendment.now
        if expires_at is not None and expires_at <= now:
            raise InvalidInput({"expiresAt": ["Must be in the future."]})
        listed = app.fraud_list.filter(removed_at=None)
        there = listed.filter(side=side, kind=kind, value=told).first()
        if there is not None and (there.expires_at is None or now < there.expires_at):
            raise _exists(there)
        if there is not None:
            _take_off(there, now, "expiry")
        elif listed.count() >= MOST_ENTRIES:
            raise Conflict("list_full", f"The lists hold {MOST_ENTRIES:,} entries at most.")
        entry = ListEntry(
            app=app, side=side, kind=kind, value=told, reason=reason, actor=actor[:120], created_at=now, expires_at=expires_at
        )  # fmt: skip
        try:
            with transaction.atomic():
                entry.save(force_insert=True)
        except IntegrityError:
            raise _exists(listed.get(side=side, kind=kind, value=told)) from None
        said = {"side": side, "kind": kind, "value": told} | ({"replaces": there.pk} if there is not None else {})
        amendment.note(LIST, entry.pk, "added", actor, said)
    return entry


def remove(app: App, entry_id: str, *, actor: str) -> None:
    """Takes an entry off its list. Raises ``NotFound`` ``entry_not_found``, also for one that was taken off before."""
    with book.amending(app) as amendment:
        entry = app.fraud_list.select_for_update().filter(pk=entry_id, removed_at=None).first()
        if entry is None:
            raise NotFound("entry_not_found", "List entry not found.")
        _take_off(entry, amendment.now, actor)
        amendment.note(LIST, entry.pk, "removed", actor, {"side": entry.side, "kind": entry.kind, "value": entry.value})


def _take_off(entry: ListEntry, now: datetime, actor: str) -> None:
    entry.removed_at, entry.removed_by = now, actor[:120]
    entry.save(update_fields=["removed_at", "removed_by"])


def _exists(entry: ListEntry) -> Conflict:
    return Conflict(
        "entry_exists",
        f"This {NOUNS[Kind(entry.kind)]} is on the {entry.side.lower()} list already.",
        details={"id": entry.pk, "side": entry.side, "kind": entry.kind, "value": entry.value},
    )


def face(entry: ListEntry) -> dict:
    """An entry as the API shows it."""
    return {
        "id": entry.pk,
        "side": entry.side,
        "kind": entry.kind,
        "value": entry.value,
        "reason": entry.reason,
        "createdBy": entry.actor,
        "createdAt": clock.iso(entry.created_at),
        "expiresAt": clock.iso(entry.expires_at),
    }
