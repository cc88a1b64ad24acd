"""How often each signal was right, by what people decided: shown beside it, and proposed for muting where it is mostly wrong."""

from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Final

from incenta.accounts.models import App
from incenta.database import sql

from . import book, wilson
from .assessment import CERTAIN
from .weights import signals

MOSTLY_WRONG: Final = 0.2
ENOUGH: Final = 30
"""Reviews from which a signal's record says something."""
KEPT_FOR: Final = 30.0
"""Seconds. A page shows a record that is this old; nothing is decided by it."""

# a deadline decides without looking: it is no review
_COUNT = """
SELECT signal, count(*) FILTER (WHERE status = 'REJECTED'), count(*)
FROM fraud_flag
WHERE app_id = %(app_id)s AND status IN ('APPROVED', 'REJECTED') AND resolved_by <> 'deadline'
GROUP BY signal
"""


@dataclass(frozen=True, slots=True)
class Precision:
    """The record of one signal in one app."""

    signal: str
    right: int = 0
    """Flags of it that were rejected: it was fraud."""
    reviewed: int = 0

    @property
    def mean(self) -> float:
        """Of Beta(1 + rejected, 1 + approved): a half where nothing is known."""
        return (1 + self.right) / (2 + self.reviewed)

    @property
    def interval(self) -> tuple[float, float]:
        return wilson.bounds(self.right, self.reviewed)

    @property
    def is_mostly_wrong(self) -> bool:
        return self.reviewed >= ENOUGH and self.mean < MOSTLY_WRONG

    @property
    def told(self) -> str:
        """``right in 37 of 41 reviewed``"""
        return f"right in {self.right:,} of {self.reviewed:,} reviewed" if self.reviewed else "not reviewed yet"

    def face(self) -> dict:
        low, high = self.interval
        return {
            "right": self.right,
            "reviewed": self.reviewed,
            "mean": round(self.mean, 3),
            "low": round(low, 3),
            "high": round(high, 3),
        }


_kept: dict[str, tuple[float, dict[str, Precision]]] = {}
_lock = Lock()


def of(app: App) -> dict[str, Precision]:
    """The records of every signal that was ever reviewed here, at most half a minute old. ``of(app).get(code, Precision(code))``"""
    found = _kept.get(app.pk)
    return found[1] if found is not None and monotonic() - found[0] < KEPT_FOR else fresh(app)


def fresh(app: App) -> dict[str, Precision]:
    """As it stands now: one statement for all signals."""
    records = {row[0]: Precision(*row) for row in sql.rows(_COUNT, {"app_id": app.pk})}
    with _lock:
        if len(_kept) >= 1_000:
            _kept.clear()
        _kept[app.pk] = (monotonic(), records)
    return records


def proposals(app: App) -> list[Precision]:
    """Signals that are on, and were wrong so often that somebody should mute them. Nobody but a person does. Worst first."""
    weights = book.kept(app).weights()
    found = [
        record
        for code, record in of(app).items()
        if record.is_mostly_wrong and weights.of(code) and code in signals() and signals()[code].family != CERTAIN
    ]
    return sorted(found, key=lambda record: (record.mean, record.signal))
