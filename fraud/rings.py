"""Rings: who is connected with whom over keys that probably one person has. Popular keys connect nobody: without that rule a whole
town is one ring. A shared address connects only those who also refer each other, on the same device, and few at that."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from incenta.accounts.models import App
from incenta.database import sql

from .models import KeyKind

MOST_MEMBERS = 500
MOST_HOPS = 3
HUB = 20
"""A key of more users connects nobody."""
MOST_ON_ADDRESS = 5
STEPS = (6, 11, 21)
"""Sizes at which a ring is worth a new look at all its members."""
WITHIN = timedelta(days=180)
MOST_KEYS = 2_000
MOST_SUBJECTS = 500
A_MEMBERS_SUBJECTS = 5
APART = (3, 4, 5)
"""Sizes of rings of which it is asked whether any two were ever seen at one address: two of a family may have been out whenever they
were seen, and more than five are no family anyway."""

# one hop: the keys of these users, and who else has them; hubs, marked or by their number, are left out
_HOP = f"""
SELECT k.kind, k.key, n.users, n.companions FROM (
  SELECT DISTINCT kind, key FROM fraud_link
  WHERE app_id = %(app_id)s AND user_id = ANY(%(users)s::text[]) AND kind <> {KeyKind.EMAIL_PATTERN} AND last_seen > %(since)s
  LIMIT {MOST_KEYS}) k
CROSS JOIN LATERAL (
  SELECT array_agg(user_id) AS users, array_agg(companion) AS companions FROM (
    SELECT user_id, companion FROM fraud_link l WHERE l.app_id = %(app_id)s AND l.kind = k.kind AND l.key = k.key
    ORDER BY l.first_seen DESC LIMIT {HUB + 1}) newest) n
WHERE cardinality(n.users) BETWEEN 2 AND CASE WHEN k.kind = {KeyKind.IP} THEN {MOST_ON_ADDRESS} ELSE {HUB} END
  AND NOT EXISTS (SELECT FROM fraud_keymark m WHERE m.app_id = %(app_id)s AND m.kind = k.kind AND m.key = k.key AND m.is_hub)
"""

# of few people: how many have an address at all, and how many of them have one in common with another
_TOGETHER = f"""
SELECT count(DISTINCT user_id), count(DISTINCT user_id) FILTER (WHERE people > 1) FROM (
  SELECT user_id, count(*) OVER (PARTITION BY key) AS people FROM fraud_link
  WHERE app_id = %(app_id)s AND user_id = ANY(%(users)s::text[]) AND kind = {KeyKind.IP} AND last_seen > %(since)s) placed
"""

_SUBJECTS = f"""
SELECT DISTINCT s.subject_type, s.subject_id FROM unnest(%(users)s::text[]) AS u(id)
CROSS JOIN LATERAL (
  SELECT subject_type, subject_id FROM fraud_sighting
  WHERE app_id = %(app_id)s AND user_id = u.id AND subject_type IN ('CONVERSION', 'REFERRAL')
  ORDER BY at DESC LIMIT {A_MEMBERS_SUBJECTS}) s
ORDER BY s.subject_id LIMIT {MOST_SUBJECTS}
"""

_KNOWN = """
SELECT coalesce(max((s.features -> 'extra' ->> 'ring_size')::int), 0) FROM unnest(%(ids)s::text[]) AS q(id)
CROSS JOIN LATERAL (
  SELECT features FROM fraud_score WHERE app_id = %(app_id)s AND subject_id = q.id ORDER BY id DESC LIMIT 1) s
"""

# only those who were last looked at when the ring was smaller: else each look would ask for the next
_LOOK_AGAIN = """
INSERT INTO fraud_rescore (app_id, subject_type, subject_id, stage, due_at)
SELECT %(app_id)s, q.type, q.id, 'RING', %(now)s FROM unnest(%(types)s::text[], %(ids)s::text[]) AS q(type, id)
CROSS JOIN LATERAL (
  SELECT coalesce((features -> 'extra' ->> 'ring_size')::int, 0) AS size FROM fraud_score
  WHERE app_id = %(app_id)s AND subject_id = q.id ORDER BY id DESC LIMIT 1) s
WHERE s.size < %(step)s
ORDER BY q.id
ON CONFLICT (app_id, subject_id, stage) DO NOTHING
"""

_CASE = """
SELECT c.key FROM fraud_flag f JOIN fraud_case c ON c.id = f.case_id
WHERE f.app_id = %(app_id)s AND f.subject_id = ANY(%(ids)s) AND f.status = 'OPEN' AND c.status <> 'CLOSED' AND c.key LIKE 'ring:%%'
ORDER BY c.id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Ring:
    """The component of one user, as far as three hops see it."""

    members: tuple[str, ...]
    """In order; of somebody whom nothing connects, himself alone."""
    shared: Mapping[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    """(kind, key) → its users, of the keys that connect."""
    smallest_key: tuple[int, int] | None = None
    is_apart: bool = False
    """Of three to five: they and who brought them were each seen at some address, and no two at the same."""
    known: int = 0
    """How large one of the members saw it from the middle, when it was looked at: its ends see three hops only."""

    @property
    def size(self) -> int:
        return max(len(self.members), self.known)

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(sorted({KeyKind(kind).name for kind, _ in self.shared}))

    @property
    def step(self) -> int:
        """The largest of ``STEPS`` that it has reached, or 0; few who are never seen together are one, too."""
        return max((step for step in STEPS if self.size >= step), default=self.size if self.is_apart else 0)

    def linked_to(self, user_id: str, others: Collection[str]) -> set[str]:
        """Of the others those who share a strong key with the user."""
        wanted = set(others) - {user_id}
        return {each for users in self._strong().values() if user_id in users for each in users if each in wanted}

    def most_on_one_key(self, users: Collection[str]) -> tuple[int, str]:
        """How many of these users have one strong key in common, and of which kind it is."""
        wanted = set(users)
        counts = [
            (len(wanted.intersection(having)), KeyKind(kind).name) for (kind, _), having in self._strong().items()
        ]
        return max(counts, default=(0, ""))

    def _strong(self) -> dict[tuple[int, int], tuple[str, ...]]:
        return {(kind, key): users for (kind, key), users in self.shared.items() if KeyKind(kind).is_strong}


def around(
    app: App,
    user_id: str,
    *,
    at: datetime,
    related: Iterable[str] = (),
    brought_by: str | None = None,
    without: Collection[tuple[int, int]] = (),
) -> Ring:
    """The ring of a user, in at most three statements; a small one takes one more. ``related``: the referrer and his other friends; among
    them a shared address with the same device or browser connects too. ``brought_by``: with whom they may live. ``without``: keys
    known to be popular, such as a shop's tablet."""
    kin = {user_id, *related}
    members, frontier = {user_id}, {user_id}
    shared: dict[tuple[int, int], tuple[str, ...]] = {}
    for _ in range(MOST_HOPS):
        asked = {"app_id": app.pk, "users": sorted(frontier), "since": at - WITHIN}
        found: set[str] = set()
        for kind, key, users, companions in sql.rows(_HOP, asked):
            if (kind, key) in without:
                continue
            having = _on_address(users, companions, kin) if kind == KeyKind.IP else users
            if len(having) >= 2 and members.intersection(having):
                shared[kind, key] = tuple(sorted(having))
                found |= set(having)
        frontier = set(sorted(found - members)[: MOST_MEMBERS - len(members)])
        members |= frontier
        if not frontier:
            break
    return Ring(
        tuple(sorted(members)), shared, min(shared, default=None), _is_apart(app, members, brought_by, at - WITHIN)
    )


def _is_apart(app: App, members: set[str], brought_by: str | None, since: datetime) -> bool:
    """An address that many use counts as one in common: who works in one office may live together, too."""
    if not APART[0] <= len(members) <= APART[-1]:
        return False
    people = sorted(members if brought_by is None else members | {brought_by})
    placed, together = sql.row(_TOGETHER, {"app_id": app.pk, "users": people, "since": since})
    return placed == len(people) and not together


def _on_address(users: list[str], companions: list[int | None], kin: set[str]) -> list[str]:
    """Those on one address who refer each other and have the device or the browser in common there."""
    by_companion: dict[int, list[str]] = defaultdict(list)
    for user, companion in zip(users, companions, strict=True):
        if companion is not None and user in kin:
            by_companion[companion].append(user)
    return max(by_companion.values(), key=len, default=[])


def subjects_of(app: App, ring: Ring) -> list[tuple[str, str]]:
    """What the members did that is judged: (type, id), the newest of each member, at most 500."""
    return sql.rows(_SUBJECTS, {"app_id": app.pk, "users": list(ring.members)})


def known_size(app: App, subjects: list[tuple[str, str]]) -> int:
    """How large the ring was from where its members saw it last; 0 where it was none."""
    (size,) = sql.row(_KNOWN, {"app_id": app.pk, "ids": [id for _, id in subjects]})
    return size if size >= STEPS[0] else 0


def look_again(app: App, ring: Ring, subjects: list[tuple[str, str]], *, now: datetime) -> int:
    """Asks for a new look at all members' subjects where the ring has grown past a step since they were looked at."""
    if not ring.step or not subjects:
        return 0
    types, ids = zip(*subjects, strict=True)
    asked = {"app_id": app.pk, "now": now, "types": list(types), "ids": list(ids), "step": ring.step}
    return sql.execute(_LOOK_AGAIN, asked)


def case_key(app: App, ring: Ring, subjects: list[tuple[str, str]]) -> str:
    """One case a ring: the one that a part of it has already, else that of its smallest key."""
    found = sql.row(_CASE, {"app_id": app.pk, "ids": [id for _, id in subjects]}) if subjects else None
    if found:
        return found[0]
    kind, key = ring.smallest_key
    return f"ring:{kind}:{key}"
