"""Raising flags outside a scoring: somebody guesses codes, an analyst points at a code, a batch finds coin farming.

Scoring raises its own by the same verb.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from incenta.accounts.models import App


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One flag to be: open already, it is hit again (points, message and evidence renewed, never two open of one signal)."""

    subject_type: str
    subject_id: str
    signal: str
    type: str
    points: int
    message: str
    score: int
    user_id: str | None = None
    campaign_id: str | None = None
    evidence: dict = field(default_factory=dict)
    case_key: str = ""
    """What the case groups; by default ``user:<user_id>`` where there is one, else ``subject:<subject_id>``."""


def raise_flags(
    app: App,
    suspicions: Sequence[Suspicion],
    *,
    at: datetime | None = None,
    due_hours: int | None = None,
    due_outcome: str | None = None,
    actor: str = "system",
) -> list[str]:
    """Opens or hits the flags, groups them into open cases, writes FRAUD_FLAG_CREATED for each new one; answers their ids.

    Inside the caller's transaction, a bounded number of statements for any number of suspicions.
    """
    raise NotImplementedError
