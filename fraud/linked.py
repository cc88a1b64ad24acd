"""Linked accounts: who shares which key with the people of a case, and what is known of them. A bounded number of statements, the same
for two accounts and for forty; keys that many honest people have connect nobody, and are told as such."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from string import ascii_uppercase

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql

from . import subjects
from .models import Case, FlagStatus, KeyKind
from .rings import HUB

MOST_FLAGS = 200
MOST_ACCOUNTS, MOST_KEYS, MOST_HUBS = 40, 24, 12
MOST_FURTHER, MORE_ACCOUNTS, MORE_KEYS = 8, 10, 4
"""From so many accounts it may be asked one hop further, and each has room for so many more."""
AN_ACCOUNTS_KEYS, AN_ACCOUNTS_CASES = 8, 10
SEEN_LATELY, SHOWN_LATELY = 5, 20
"""An account's newest sightings: those by which the cases are found in which it is the friend, and those that tell a key's masked text."""
UNKNOWN_KEYS = 2_000
"""Of somebody who was seen with more keys, so many are looked through."""

# The keys of these users, and of each the newest who have it. Every look is bounded by itself, as in evidence.py.
_KEYS = f"""
SELECT k.kind, k.key, k.own, n.users, f.at, n.last_seen, m.is_hub, m.hub_reason, m.is_confirmed
FROM (
  SELECT h.kind, h.key, array_agg(u.id ORDER BY u.id) AS own FROM unnest(%(users)s::text[]) AS u(id)
  CROSS JOIN LATERAL (
    SELECT kind, key FROM (
      SELECT kind, key, last_seen FROM fraud_link WHERE app_id = %(app_id)s AND user_id = u.id LIMIT {UNKNOWN_KEYS}) had
    ORDER BY kind = {KeyKind.IP}, last_seen DESC, kind, key LIMIT {AN_ACCOUNTS_KEYS}) h
  GROUP BY h.kind, h.key) k
CROSS JOIN LATERAL (
  SELECT array_agg(user_id ORDER BY first_seen DESC, user_id) AS users, max(last_seen) AS last_seen FROM (
    SELECT user_id, first_seen, last_seen FROM fraud_link l
    WHERE l.app_id = %(app_id)s AND l.kind = k.kind AND l.key = k.key
    ORDER BY l.first_seen DESC LIMIT {MOST_ACCOUNTS + 1}) newest) n
CROSS JOIN LATERAL (
  SELECT l.first_seen AS at FROM fraud_link l
  WHERE l.app_id = %(app_id)s AND l.kind = k.kind AND l.key = k.key ORDER BY l.first_seen LIMIT 1) f
LEFT JOIN fraud_keymark m ON m.app_id = %(app_id)s AND m.kind = k.kind AND m.key = k.key
  AND (m.expires_at IS NULL OR m.expires_at > %(at)s)
WHERE cardinality(n.users) > 1
"""

# What was decided of each, as the one who would gain or as the friend, and which open cases it is in.
_STANDING = f"""
SELECT u.id,
  max(CASE f.status WHEN '{FlagStatus.REJECTED}' THEN 2 WHEN '{FlagStatus.OPEN}' THEN 1 ELSE 0 END),
  (array_agg(DISTINCT f.case_id) FILTER (WHERE f.status = '{FlagStatus.OPEN}'))[1:{AN_ACCOUNTS_CASES}]
FROM unnest(%(users)s::text[]) AS u(id)
CROSS JOIN LATERAL (
  (SELECT status, case_id FROM fraud_flag
   WHERE app_id = %(app_id)s AND user_id = u.id AND status <> '{FlagStatus.MOOT}'
   ORDER BY status = '{FlagStatus.OPEN}' DESC, id DESC LIMIT {MOST_FLAGS})
  UNION ALL
  SELECT o.status, o.case_id FROM (
    SELECT subject_id FROM fraud_sighting
    WHERE app_id = %(app_id)s AND user_id = u.id AND subject_type IN ('CONVERSION', 'REFERRAL')
    ORDER BY at DESC LIMIT {SEEN_LATELY}) s
  JOIN fraud_flag o ON o.app_id = %(app_id)s AND o.subject_id = s.subject_id AND o.status <> '{FlagStatus.MOOT}') f
GROUP BY u.id
"""

_SHOWN = f"""
SELECT q.key, s.shown::json FROM unnest(%(keys)s::bigint[], %(users)s::text[]) AS q(key, user_id)
CROSS JOIN LATERAL (
  SELECT shown FROM (
    SELECT keys, shown FROM fraud_sighting WHERE app_id = %(app_id)s AND user_id = q.user_id
    ORDER BY at DESC LIMIT {SHOWN_LATELY}) newest
  WHERE q.key = ANY (newest.keys) LIMIT 1) s
"""

OUTCOMES = ("approved", "open", "rejected")


@dataclass(slots=True)
class Account:
    """A user in the ring."""

    number: int
    """From 1, by which pictures and tables mean the same one. Those of the case come first."""
    user_id: str
    outcome: str
    """``subject``, ``open``, ``approved``, ``rejected`` or ``clean``."""
    cases: tuple[str, ...] = ()
    """Open cases that speak of it, this one too."""


@dataclass(slots=True)
class Key:
    """What accounts share: a device, an address, …"""

    kind: KeyKind
    key: int
    users: list[str]
    """Who has it, the people of the case first, at most 40."""
    is_more: bool
    """More have it than ``users`` tells."""
    first_seen: datetime
    last_seen: datetime
    hub: str
    """Why it connects nobody; empty where it does."""
    is_confirmed: bool
    """It was a confirmed cheat's."""
    hop: int
    """0: of the people of the case; else the place of the account from which it was asked further."""
    name: str = ""
    """``A``, ``B``, …: tells it from others of its kind."""

    @property
    def label(self) -> str:
        return self.kind.label

    def __str__(self) -> str:
        return f"{self.label}: {self.hub}" if self.hub else self.label


@dataclass(slots=True)
class Ring:
    """Who shares which key."""

    people: list[Account] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    """Those that connect, each with two accounts at least."""
    hubs: list[Key] = field(default_factory=list)
    """Shared keys that connect nobody: an office, a carrier."""
    is_cut: bool = False
    """There are more than are told."""

    @property
    def ties(self) -> list[tuple[int, int]]:
        """(place of the account, place of the key)."""
        return [
            (place, at) for at, key in enumerate(self.keys) for place, each in enumerate(self.people) if each.user_id in key.users
        ]  # fmt: skip

    def open_cases(self) -> list[str]:
        """Ids, in the order of the accounts."""
        return list(dict.fromkeys(case_id for each in self.people for case_id in each.cases))


def of_case(app: App, case: Case, further: Sequence[str] = ()) -> Ring:
    """The ring around the people of whom a case speaks: those who would gain, and their friends."""
    flags = app.fraud_flags.filter(case=case).order_by("-points", "id")[:MOST_FLAGS]
    named = list(flags.values_list("subject_type", "subject_id", "user_id"))
    about = subjects.describe(app, {(subject_type, subject_id) for subject_type, subject_id, _ in named})
    users = {user_id for _, _, user_id in named if user_id} | {
        each.other_id for each in about.values() if each.other_id
    }
    return around(app, users, further=further)


def around(app: App, users: Collection[str], *, further: Sequence[str] = ()) -> Ring:
    """Who shares a key with these users, and with those of ``further``, in this order: two statements."""
    first = sorted(users)[:MOST_ACCOUNTS]
    more = [user for user in dict.fromkeys(further) if user not in first][:MOST_FURTHER]
    hops = dict.fromkeys(first, 0) | {user: place for place, user in enumerate(more, 1)}
    asked = {"app_id": app.pk, "users": list(hops), "at": clock.now(app)}
    found = [_key(hops, *row) for row in sql.rows(_KEYS, asked)] if hops else []
    found.sort(key=_order)
    keys, hubs = [each for each in found if not each.hub], [each for each in found if each.hub]
    most_keys, most = MOST_KEYS + MORE_KEYS * len(more), MOST_ACCOUNTS + MORE_ACCOUNTS * len(more)
    ring = Ring(keys=keys[:most_keys], hubs=hubs[:MOST_HUBS])
    everybody = list(dict.fromkeys(
        [*(user for user in first if any(user in key.users for key in ring.keys)), *(user for key in ring.keys for user in key.users)]
    ))  # fmt: skip
    ring.is_cut = (
        len(keys) > most_keys or len(everybody) > most or len(users) > len(first) or any(key.is_more for key in ring.keys)
    )  # fmt: skip
    for place, key in enumerate(sorted([*ring.keys, *ring.hubs], key=_order)):
        key.name = _letters(place)
    shown = everybody[:most]
    standing = _standing(app, shown)
    for number, user in enumerate(shown, 1):
        outcome, cases = standing.get(user, ("clean", ()))
        ring.people.append(Account(number, user, "subject" if hops.get(user) == 0 else outcome, cases))
    return ring


def _key(hops: Mapping[str, int], kind, key, own, having, first_seen, last_seen, is_hub, why, is_confirmed) -> Key:
    hub = ""
    if is_hub:
        hub = why or "many honest people have it"
    # numbers alone make an address a hub, and never a device: see reading.py
    elif kind == KeyKind.IP and len(having) > HUB:
        hub = f"more than {HUB} accounts were seen at it"
    of_case = [user for user in own if not hops[user]]  # the others in the same order, however far it is asked
    users = list(dict.fromkeys([*of_case, *having, *own]))
    return Key(
        KeyKind(kind), key, users[:MOST_ACCOUNTS], len(users) > MOST_ACCOUNTS, first_seen, last_seen, hub, bool(is_confirmed),
        min(hops[user] for user in own),
    )  # fmt: skip


def _order(key: Key) -> tuple:
    """What is nearest, strongest and has most users first; names stay when it is asked further."""
    return key.hop, not key.kind.is_strong, -len(key.users), key.kind, key.key


def _letters(place: int) -> str:
    """``A`` … ``Z``, ``AA`` …"""
    many, one = divmod(place, len(ascii_uppercase))
    return (_letters(many - 1) if many else "") + ascii_uppercase[one]


def _standing(app: App, users: Sequence[str]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """User → what was decided of it, the worst that was; and the open cases that speak of it."""
    if not users:
        return {}
    told = sql.rows(_STANDING, {"app_id": app.pk, "users": list(users)})
    return {user: (OUTCOMES[worst], tuple(cases or ())) for user, worst, cases in told}


def shown(app: App, keys: Iterable[Key]) -> dict[int, dict[str, str]]:
    """Key → the masked text of a sighting at which it was, by the names of the API. One statement; old ones may have none."""
    asked = [(each.key, each.users[0]) for each in keys]
    if not asked:
        return {}
    numbers, users = zip(*asked, strict=True)
    return dict(sql.rows(_SHOWN, {"app_id": app.pk, "keys": list(numbers), "users": list(users)}))
