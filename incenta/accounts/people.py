"""One person's data: everything that is held, and erasing it with the books still balanced.

Each room tells what it holds of a person by a list of :class:`Holding`; this page reads them all out, or takes the name off them.
Erasing gives the rows another name, ``former-member-…``, which leads to nobody: no amount moves, so every sum stays as it was. What
is only personal (mailbox, addresses, what a browser showed) is deleted. A tombstone stays, a keyed hash, so that whoever comes back
under the old id is not a new customer again.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import Field, JSONField, Model, Q, QuerySet, TextField
from django.db.models.expressions import Case, F, Value, When
from django.db.models.functions import Cast

from incenta import clock, codes
from incenta.database import sql
from incenta.errors import NotFound

from .models import App, Tombstone

FORMER_MEMBER = "former-member-"
_NAMING = "SELECT pg_advisory_xact_lock{}(hashtext('people.naming'), hashtext(%(app_id)s))"
_ARRIVING = """SELECT pg_advisory_xact_lock{}(hashtext('people.arriving ' || %(app)s::text), place)
  FROM (SELECT DISTINCT hashtext(id) & 63 AS place FROM unnest(%(users)s::text[]) AS arriving (id)) AS places"""
ARRIVES = _ARRIVING.format("_shared")
"""A part of the statement that makes the first wallets of ``users``, to be done before that: no erasure can lock these yet, so either
waits for the other here. By one of 64 places, for a thousand newcomers are not to be a thousand locks; now and then one waits for
another's erasure."""
BATCH = 500
"""Rows that an export or an erasure holds in memory at a time."""
PERSONAL = frozenset(("metadata", "email", "username", "phone", "ip", "context", "referrerEmail", "referrerUsername"))
"""Keys of JSON whose values are of the person and of no sum."""
USER = "USER"
"""The type of a subject that is a person: its id, in ``{"type", "id"}`` and in ``[type, id]``, is his."""


@dataclass(frozen=True)
class Holding:
    """What one table holds of a person.

    ``noun`` is its name in an export; ``people`` are the columns with the client's id for somebody; ``subject``, a column with the id
    of another noun of his, for tables that name no user. ``named_in`` are JSON columns in which his id or code may stand;
    ``blanked`` says what personal columns become; ``is_deleted``: the whole row is personal; ``is_told``: it is in the export, without
    the columns of ``untold``, nor those of ``withheld`` where a row ``is_withheld``.
    """

    noun: str
    model: type[Model]
    people: tuple[str, ...] = ()
    subject: str | None = None
    named_in: tuple[str, ...] = ()
    blanked: Mapping[str, object] = field(default_factory=dict)
    is_deleted: bool = False
    is_told: bool = True
    untold: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()
    is_withheld: Callable[[Any], bool] = lambda row: False
    place: int = 0
    """Holdings are gone through by their place: those that find their rows by other nouns' ids come after these."""

    def of(self, app: App, user_id: str, subjects: Sequence[str] = ()):
        """The rows, whatever ``default_manager`` hides."""
        asked = Q()
        for column in self.people:
            asked |= Q(**{column: user_id})
        if self.subject:
            asked |= Q(**{f"{self.subject}__in": [*subjects, user_id]})
        return self.model._base_manager.filter(asked, app=app)

    def ids(self, app: App, user_id: str, subjects: Sequence[str] = ()) -> list:
        """The primary keys of its rows, in their order."""
        return list(self.of(app, user_id, subjects).order_by("pk").values_list("pk", flat=True))

    def batches(self, app: App, ids: Sequence) -> Iterator[list[Model]]:
        """These rows in their order, ``BATCH`` at a time: the whole of a long life fits no process."""
        for some in batched(ids):
            yield list(self.model._base_manager.filter(app=app, pk__in=some).order_by("pk"))


@dataclass
class Person:
    """Somebody who is being erased."""

    app: App
    user_id: str
    name: str
    """What he is called from now on."""
    renamed: dict[str, str] = field(default_factory=dict)
    """What else must be replaced where it is named: his codes, old to new."""
    subjects: list[str] = field(default_factory=list)
    """Ids of the nouns that are his."""
    beside: set[str] = field(default_factory=set)
    """Ids of nouns of others in which he may be named, as the room knows that judges who was seen with whom."""
    used_up: dict = field(default_factory=dict)


_holdings: list[Holding] = []
_firsts: list[Callable[[Person], None]] = []
_lasts: list[Callable[[Person], None]] = []


def hold(
    *holdings: Holding,
    first: Callable[[Person], None] | None = None,
    last: Callable[[Person], None] | None = None,
) -> None:
    """A room tells what it holds. ``first`` runs before anything changes (to lock, and to note what must be known later), ``last``
    when every row has its new name; both in the transaction. Called from ``AppConfig.ready``."""
    _holdings.extend(holdings)
    _holdings.sort(key=lambda holding: holding.place)
    if first:
        _firsts.append(first)
    if last:
        _lasts.append(last)


def holdings() -> tuple[Holding, ...]:
    return tuple(_holdings)


@lru_cache(maxsize=1024)
def _secret(app_id: str, secret: str) -> bytes:
    return hashlib.blake2b(f"tombstone\n{app_id}".encode(), key=secret.encode()[:64], digest_size=32).digest()


def tombstone_key(app: App, user_id: str) -> bytes:
    """What a tombstone keeps of an id: its HMAC under a key of the app and the installation."""
    secret = _secret(app.pk, settings.FRAUD_SECRET or settings.SECRET_KEY)
    return hmac.digest(secret, user_id.encode("utf-8", "surrogatepass"), "sha256")


def export(app: App, user_id: str) -> Iterator[str]:
    """Everything held of a person, as the text of ``{"userId", "exportedAt", "data": {noun: [row, …]}}`` in pieces: rows as they are
    stored, in the order of their making. However long somebody was here, only ids and one batch of rows are in memory at a time.

    Raises ``NotFound`` ``user_not_found`` where nothing is held, before the first piece.
    """
    nouns: dict[str, list[tuple[Holding, list]]] = {}
    subjects: list[str] = []
    for holding in _holdings:
        ids = holding.ids(app, user_id, subjects)
        subjects += _subjects(ids)
        if ids and holding.is_told:
            nouns.setdefault(holding.noun, []).append((holding, ids))
    if not nouns:
        raise _not_found()
    return _written(app, user_id, nouns)


def _written(app: App, user_id: str, nouns: Mapping[str, list[tuple[Holding, list]]]) -> Iterator[str]:
    head = {"userId": user_id, "exportedAt": clock.iso(clock.now(app))}
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "data": {'
    for place, (noun, parts) in enumerate(nouns.items()):
        yield f"{',' if place else ''}\n{json.dumps(noun)}: ["
        rows = (
            row for holding, ids in parts for some in holding.batches(app, ids) for row in _each_told(holding, some)
        )
        for number, row in enumerate(rows):
            yield f"{',' if number else ''}\n  {json.dumps(row, ensure_ascii=False)}"
        yield "]"
    yield "\n}}\n"


def _each_told(holding: Holding, rows: Iterable[Model]) -> Iterator[dict[str, Any]]:
    return (_told(holding, row) for row in rows)


def erase(app: App, user_id: str, *, by: str = "") -> dict[str, Any]:
    """Takes a person's name off everything, in one transaction; amounts, counts and sums stay.

    Answers ``{"userId": "former-member-…", "erasedAt", "records": {noun: rows}}``; the new name is told this once, so that what is
    still owed can be settled. Raises ``NotFound`` ``user_not_found`` where nothing is held (any more).
    """
    with sql.transaction_joined():
        sql.row(_NAMING.format(""), {"app_id": app.pk})
        sql.row(_ARRIVING.format(""), {"app": app.pk, "users": [user_id]})
        person = Person(app, user_id, FORMER_MEMBER + codes.random_part(12).lower())
        for first in _firsts:
            first(person)
        records: dict[str, int] = {}
        for holding in _holdings:
            ids = holding.ids(app, user_id, person.subjects)
            person.subjects += _subjects(ids)
            if not ids:
                continue
            records[holding.noun] = records.get(holding.noun, 0) + len(ids)
            if holding.is_deleted:
                holding.of(app, user_id, person.subjects).delete()
            else:
                _rename(holding, person, ids)
        if not records:
            raise _not_found()
        for last in _lasts:
            last(person)
        now = clock.now(app)
        earlier = tombstone_of(app, user_id)
        used_up = joined(earlier.used_up, person.used_up) if earlier else person.used_up
        Tombstone.objects.update_or_create(
            app=app,
            key=tombstone_key(app, user_id),
            defaults={"used_up": used_up, "records": records, "erased_by": by[:60], "erased_at": now},
        )
        return {"userId": person.name, "erasedAt": clock.iso(now), "records": records}


def keep_erasures_out(app: App) -> None:
    """Nobody of the app is erased until the caller's transaction ends. For who reads ids of people and writes them down somewhere
    else, but locks no wallet of theirs, or they have none: an erasure between the two would not find what is not written yet.

    Before every other lock, wallets among them: an erasure has this one first of all. Callers do not wait for each other.
    """
    sql.row(_NAMING.format("_shared"), {"app_id": app.pk})


def tombstone_of(app: App, user_id: str) -> Tombstone | None:
    """The tombstone of whoever had this id before, if it was erased."""
    return Tombstone.objects.filter(app=app, key=tombstone_key(app, user_id)).first()


def joined(earlier: Any, later: Any) -> Any:
    """What is used up by either of two erasures of one id: lists together, of numbers the larger one."""
    if isinstance(earlier, dict) and isinstance(later, dict):
        return earlier | {
            name: joined(earlier[name], each) if name in earlier else each for name, each in later.items()
        }
    if isinstance(earlier, list) and isinstance(later, list):
        return sorted({*earlier, *later})
    return max(earlier, later)


def batched(ids: Sequence) -> Iterator[Sequence]:
    """The ids in parts of at most ``BATCH``."""
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


# --- one table --------------------------------------------------------------------------------------------------------
def _subjects(ids: Sequence) -> list[str]:
    """Those ids by which other tables may name what is his."""
    return [id for id in ids if isinstance(id, str)]


def _rename(holding: Holding, person: Person, ids: Sequence) -> None:
    changes: dict[str, Any] = dict(holding.blanked)
    for column in holding.people:
        changes[column] = Case(When(**{column: person.user_id}, then=Value(person.name)), default=F(column))
    found = holding.of(person.app, person.user_id, person.subjects)
    if holding.named_in:
        for rows in holding.batches(person.app, ids):
            for row in rows:
                for name in holding.named_in:
                    setattr(row, name, renamed(getattr(row, name), person))
            holding.model._base_manager.bulk_update(rows, holding.named_in)
    if changes:
        found.update(**changes)


def rename_in(person: Person, rows: QuerySet, columns: Sequence[str]) -> None:
    """His other name in these JSON columns of rows of others, as far as they name him."""
    spellings = {json.dumps(person.user_id), json.dumps(person.user_id, ensure_ascii=False)}
    texts = {f"{column}_text": Cast(column, TextField()) for column in columns}
    asked = Q()
    for text in texts:
        for spelling in spellings:
            asked |= Q(**{f"{text}__contains": spelling})
    ids = list(rows.annotate(**texts).filter(asked).order_by("pk").values_list("pk", flat=True))
    for some in batched(ids):
        named = list(rows.filter(pk__in=some).order_by("pk"))
        for row in named:
            for column in columns:
                setattr(row, column, renamed(getattr(row, column), person, is_his=False))
        rows.model._base_manager.bulk_update(named, columns)


def rename_beside(person: Person, rows: QuerySet, columns: Sequence[str], *, by: str = "pk") -> None:
    """As ``rename_in``, in those rows that are, or by the field ``by`` are about, the nouns beside which he was seen."""
    for some in batched(sorted(person.beside)):
        rename_in(person, rows.filter(**{f"{by}__in": some}), columns)


def renamed(value: Any, person: Person, key: str = "", *, is_his: bool = True) -> Any:
    """JSON with the person's id and codes replaced, where a value is one of them, and, where it ``is_his``, what is personal left out."""
    if isinstance(value, dict):
        is_user = value.get("type") == USER
        return {
            name: (type(each)() if isinstance(each, dict | list) else None)
            if is_his and name in PERSONAL
            else renamed(each, person, "user" if name == "id" and is_user else name, is_his=is_his)
            for name, each in value.items()
        }
    if isinstance(value, list):
        if len(value) == 2 and value[0] == USER:
            return [USER, renamed(value[1], person, "user", is_his=is_his)]
        return [renamed(each, person, key, is_his=is_his) for each in value]
    if isinstance(value, str):
        if value == person.user_id and _names_people(key):
            return person.name
        return person.renamed.get(value, value)
    return value


def _names_people(key: str) -> bool:
    """Whether a JSON key holds ids of people: an id may be the word ``5`` or ``USD``, which elsewhere means something else."""
    lowered = key.lower().replace("_", "")
    return lowered in ("subject", "subjectid") or any(
        word in lowered
        for word in ("user", "refer", "member", "person", "people", "account", "upline", "companion", "newest")
    )


def _told(holding: Holding, row: Model) -> dict[str, Any]:
    untold = holding.untold | {"app_id", "request_hash"}
    if holding.is_withheld(row):
        untold |= holding.withheld
    return {
        _camel(column.attname): _plain(column, getattr(row, column.attname))
        for column in row._meta.concrete_fields
        if column.attname not in untold
    }


def _plain(column: Field, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str | list | dict) or isinstance(column, JSONField):
        return value
    if hasattr(value, "isoformat"):
        return clock.iso(value) if hasattr(value, "hour") else value.isoformat()
    return str(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _not_found() -> NotFound:
    return NotFound("user_not_found", "Nothing is held of this user.")
