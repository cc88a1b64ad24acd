"""Pools of uploaded codes: read from a file, examined before they are added, each given once and never again.

A room that hands out codes names its two tables; the statements are the same for all.
"""

import csv
import io
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from incenta import codes
from incenta.database import sql
from incenta.errors import InvalidInput

MOST_CODES = 100_000
LONGEST_CODE = 64
BAD_SHOWN = 20


@dataclass(slots=True)
class Upload:
    """What an upload holds: codes to add, how many are known already or stand in it twice, and the lines that are no codes."""

    new: list[str]
    duplicates: int
    bad: list[dict]

    def face(self) -> dict:
        return {
            "new": len(self.new),
            "duplicate": self.duplicates,
            "bad": len(self.bad),
            "badLines": self.bad[:BAD_SHOWN],
        }


def read_csv(text: str, field: str = "file") -> list[str]:
    """The codes of a CSV file: its first column, with or without a heading. Raises ``InvalidInput``."""
    try:
        lines = [row[0] if row else "" for row in csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)]
    except csv.Error as error:
        raise InvalidInput({field: [f"Is not a CSV file: {error}."]}) from None
    if lines and codes.key_of(lines[0]) in ("code", "codes", "coupon", "voucher"):
        lines = lines[1:]
    return lines


class CodePool:
    """The codes of one room.

    ``table`` has ``app_id, code, code_key, redemption_id`` and ``owner``, the column of what they belong to; unique by app
    and key. ``given`` is the room's table of redemptions, in which ``given_by`` is the app whose code it was.
    """

    def __init__(self, table: str, owner: str, *, given: str, given_by: str):
        take = f"""
UPDATE {table} SET redemption_id = %(redemption_id)s WHERE id = (
  SELECT id FROM {table} WHERE {owner} = %(owner)s AND redemption_id IS NULL AND id >= %(start)s
  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING code, code_key"""
        self._take, self._wait = take, take.replace(" SKIP LOCKED", "")
        self._spread = f"SELECT min(id), max(id) FROM {table} WHERE {owner} = %(owner)s AND redemption_id IS NULL"
        self._known = f"""
SELECT code_key FROM {table} WHERE app_id = %(app_id)s AND code_key = ANY(%(keys)s)
UNION SELECT code_key FROM {given} WHERE {given_by} = %(app_id)s AND code_key = ANY(%(keys)s)"""
        self._add = f"""
INSERT INTO {table} (app_id, {owner}, code, code_key)
SELECT %(app_id)s, %(owner)s, code, code_key FROM unnest(%(codes)s::text[], %(keys)s::text[]) AS sent (code, code_key)
ON CONFLICT DO NOTHING"""

    def examine(self, app_id: str, sent: Iterable[str]) -> Upload:
        """What would become of these codes; nothing is written. One statement for any number.

        Raises ``InvalidInput`` for more than ``MOST_CODES``.
        """
        new: dict[str, str] = {}
        duplicates, bad = 0, []
        for number, line in enumerate(sent, 1):
            code = line.strip()
            if not code:
                continue
            key = codes.key_of(code)
            # a cell that a spreadsheet would run is nobody's code
            if len(code) > LONGEST_CODE or len(key) > LONGEST_CODE or not code.isprintable() or code[0] in "=+@":
                bad.append({"line": number, "text": code[:40]})
            elif key in new:
                duplicates += 1
            else:
                new[key] = code
            if len(new) > MOST_CODES:
                raise InvalidInput({"codes": [f"At most {MOST_CODES} codes at once."]})
        known = {key for (key,) in sql.rows(self._known, {"app_id": app_id, "keys": list(new)})}
        return Upload([code for key, code in new.items() if key not in known], duplicates + len(known), bad)

    def add(self, app_id: str, owner: str, sent: Iterable[str]) -> Upload:
        """Adds them to the pool of ``owner``, all or none. Raises ``InvalidInput`` naming the first line that is no code."""
        upload = self.examine(app_id, sent)
        if upload.bad:
            line = upload.bad[0]
            raise InvalidInput({"codes": [f"Line {line['line']} is not a code: {line['text']}"]})
        if upload.new:
            keys = [codes.key_of(code) for code in upload.new]
            sql.execute(self._add, {"app_id": app_id, "owner": owner, "codes": upload.new, "keys": keys})
        return upload

    def take(self, owner: str, redemption_id: str) -> tuple[str, str] | None:
        """A free code and its key, given to this redemption for good; ``None`` where there is none left."""
        asked = {"owner": owner, "redemption_id": redemption_id}
        while True:
            first, last = sql.row(self._spread, asked)
            if first is None:
                return None
            # from a random place on, so that many at once do not all try the first free code; then from the beginning; and
            # when others hold all that are left, behind them: one of them may yet give a code back
            start = first + secrets.randbelow(last - first + 1)
            for statement, place in ((self._take, start), (self._take, first), (self._wait, first)):
                if (taken := sql.row(statement, asked | {"start": place})) is not None:
                    return taken
