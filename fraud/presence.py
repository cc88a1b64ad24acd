"""Who has a case open just now, and what has happened to it since somebody's page was loaded.

Presence is one row a person and case in the database: every web process and node sees it whatever cache there is, a look at it is one
statement, and thirty polls at once wait for nobody but for themselves. A page says every 20 seconds that it is open; who has said
nothing for a minute is gone, and so is, at once, who goes from one case on to the next. Rows of a person's other visits go with the next
one of his, the rest within a day.

None of it is by a sandbox's clock: a person is there in real time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from incenta.accounts.models import App
from incenta.database import sql

from . import cases
from .models import CaseEvent

EVERY_S = 20
"""So often a page that is looked at says so."""
FRESH_S = 60
"""So long it counts: two polls may be late or lost."""
MOST = 10
"""Others that are told by name."""
MOST_NEWS = 20

# The newest line is looked for among those of the case (``+ 0``), never from the newest of all backwards. Rows are cleared away when
# one's own is locked (so ``gone`` reads ``mine``), and only those that nobody holds: two windows of one person that wake up together
# would else wait for each other.
_NOTE = f"""
WITH seen AS (
  SELECT c.app_id, c.id, c.version, coalesce((SELECT max(e.id + 0) FROM fraud_caseevent e WHERE e.case_id = c.id), 0) AS line
  FROM fraud_case c WHERE c.app_id = %(app)s AND c.id = %(case)s
), mine AS (
  INSERT INTO fraud_casepresence AS p (app_id, case_id, user_id, since, seen_at)
  SELECT app_id, id, %(user)s::bigint, clock_timestamp(), clock_timestamp() FROM seen
  ON CONFLICT (app_id, case_id, user_id) DO UPDATE SET seen_at = excluded.seen_at,
    since = CASE WHEN p.seen_at < excluded.seen_at - interval '{FRESH_S} s' THEN excluded.since ELSE p.since END
  RETURNING p.app_id
), gone AS (
  DELETE FROM fraud_casepresence WHERE id IN (
    SELECT o.id FROM mine JOIN fraud_casepresence o USING (app_id)
    WHERE o.app_id = %(app)s AND o.user_id = %(user)s::bigint AND o.case_id <> %(case)s
      AND (o.seen_at < clock_timestamp() - interval '{FRESH_S} s' OR o.case_id = %(left)s)
    FOR UPDATE OF o SKIP LOCKED)
)
SELECT version, line, (
  SELECT json_agg(json_build_array(user_id, since) ORDER BY since, user_id) FROM (
    SELECT user_id, since FROM fraud_casepresence o
    WHERE o.app_id = seen.app_id AND o.case_id = seen.id AND o.user_id <> %(user)s::bigint
      AND o.seen_at >= clock_timestamp() - interval '{FRESH_S} s'
    ORDER BY since, user_id LIMIT {MOST}) others)
FROM seen
"""
_FORGET = "DELETE FROM fraud_casepresence WHERE seen_at < clock_timestamp() - interval '1 day'"


@dataclass(frozen=True, slots=True)
class State:
    """A case as it is: what changes when anything happens to it."""

    version: int
    line: int
    """The newest of its history."""

    def __str__(self) -> str:
        return f"{self.version}.{self.line}"

    @classmethod
    def told(cls, text: str) -> "State | None":
        """What a page gives back; ``None`` for what is none."""
        parts = text.split(".")
        if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
            return None
        return cls(int(parts[0]), int(parts[1]))


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody else who has it open."""

    user_id: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    state: State
    others: tuple[Other, ...]


def note(app: App, case_id: str, user_id: int, *, left: str = "") -> Seen:
    """Says that this person has the case open, come from the case that he ``left``, and answers who else has it open. One statement.
    Where the other is open still, in another window, that says so itself. Raises ``NotFound``."""
    found = sql.row(_NOTE, {"app": app.pk, "case": case_id, "user": user_id, "left": left})
    if found is None:
        raise cases.not_found()
    version, line, others = found
    return Seen(State(version, line), tuple(Other(id, datetime.fromisoformat(at)) for id, at in others or ()))


def news(app: App, case_id: str, since: State, now: State) -> Sequence[CaseEvent]:
    """What has happened since, the newest first, no more than ``MOST_NEWS``. At most one statement."""
    if now == since:
        return []
    lines = CaseEvent.objects.filter(app=app, case=case_id, pk__gt=since.line)
    return list(lines.order_by("-pk")[:MOST_NEWS])


def leave(app: App, case_id: str, user_id: int) -> None:
    """He has done with it and goes on to another."""
    sql.execute(
        "DELETE FROM fraud_casepresence WHERE app_id = %(app)s AND case_id = %(case)s AND user_id = %(user)s::bigint",
        {"app": app.pk, "case": case_id, "user": user_id},
    )


def forget() -> int:
    """Removes the visits of before yesterday, of all apps. Answers how many."""
    return sql.execute(_FORGET)
