"""What fraud asks of the programmes, which stand above it: a protocol for each kind of subject, registered in ``AppConfig.ready``.

Every method runs inside the caller's transaction, so that a decision and its effect are one. Lock order: wallets first; so a
method that moves rewards locks all wallets of all its subjects in one call before it touches anything else.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from incenta.accounts.models import App
from incenta.errors import NotFound


@dataclass(frozen=True, slots=True)
class Description:
    """A subject as an analyst reads it."""

    subject_type: str
    subject_id: str
    title: str
    """``Conversion of bikram by asha's code ASHA-7K3Q``."""
    user_id: str | None
    """Who would gain."""
    other_id: str | None
    """The friend."""
    campaign_id: str | None
    campaign_name: str
    at: datetime
    held: dict[str, int] = field(default_factory=dict)
    """What waits on the decision, by asset in minor units."""
    facts: dict = field(default_factory=dict)
    """Label → text, for the side-by-side view."""
    url: str = ""
    """Of its page in the dashboard, below the app's."""
    over: str = ""
    """Why nothing is left to decide of it, in a sentence, where that is so."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a decision does or would do: ``rewardId … APPROVED → CANCELLED``."""

    kind: str
    """``reward_released``, ``reward_cancelled``, ``conversion_counted``, ``conversion_reversed``, ``points_taken_back``,
    ``payout_needs_proposal``, ``person_released``, ``awarded``, …"""
    subject_id: str
    user_id: str | None = None
    asset: str = ""
    minor: int = 0
    text: str = ""
    """A plain sentence."""

    def face(self) -> dict:
        return {
            "kind": self.kind,
            "subjectId": self.subject_id,
            "userId": self.user_id,
            "asset": self.asset or None,
            "minor": self.minor,
            "text": self.text,
        }


class Handler(Protocol):
    """One for each subject type. ``ids`` are of that type and of this app; unknown ones are left out, never an error."""

    def describe(self, app: App, ids: Sequence[str]) -> dict[str, Description]:
        """In a bounded number of statements for any number of ids."""

    def people(self, app: App, ids: Sequence[str]) -> set[str]:
        """The users whose wallets a decision on these subjects may touch: they are locked before anything else. A handler that
        lacks it means those whom ``describe`` names."""

    def along(self, app: App, ids: Sequence[str]) -> list[tuple[str, str]]:
        """What is rejected along with them, as (subject type, id): a code's held conversions. A handler may lack it."""

    def hold(self, app: App, ids: Sequence[str], *, actor: str) -> list[Effect]:
        """Puts FRAUD_REVIEW on what is not paid yet, moves the figures; what is PAID gives ``payout_needs_proposal`` and stays.
        Repeating it is harmless."""

    def release(self, app: App, ids: Sequence[str], *, actor: str, preview: bool = False) -> list[Effect]:
        """They are honest: lifts FRAUD_REVIEW (other reasons to hold go on), counts them, fires what was not fired. Harmless twice."""

    def reject(self, app: App, ids: Sequence[str], *, reason: str, actor: str, preview: bool = False) -> list[Effect]:
        """They are fraud: cancels and reverses what is not paid; a PAID reward is never taken back by itself: a proposal."""

    def restore(self, app: App, ids: Sequence[str], *, was: str, effects: list[dict], actor: str) -> list[Effect]:
        """Undoes ``release`` or ``reject`` (``was``: APPROVE or REJECT): held again, as far as the world still allows; an effect
        says what it does not."""


_handlers: dict[str, Handler] = {}


def register(subject_type: str, handler: Handler) -> None:
    """Says who answers for a kind of subject. Once each."""
    if subject_type in _handlers:
        raise ValueError(f"{subject_type} has its handler")
    _handlers[subject_type] = handler


def handler_of(subject_type: str) -> Handler:
    """Raises ``NotFound`` where nobody answers for it."""
    if subject_type not in _handlers:
        raise NotFound("subject_not_found", "Subject not found.")
    return _handlers[subject_type]


def answers_for(subject_type: str) -> bool:
    """Whether a programme answers for it. What nobody answers for (an API key) has flags, and nothing follows from them."""
    return subject_type in _handlers


Subject = tuple[str, str]
"""Type and id."""


def by_type(subjects: Iterable[Subject]) -> dict[str, list[str]]:
    """Subject type → ids, both in order, of the types that somebody answers for."""
    found: dict[str, list[str]] = {}
    for subject_type, subject_id in sorted(set(subjects)):
        if subject_type in _handlers:
            found.setdefault(subject_type, []).append(subject_id)
    return found


def describe(app: App, subjects: Iterable[Subject]) -> dict[Subject, Description]:
    """What is known of these; a bounded number of statements a type."""
    return {
        (subject_type, subject_id): description
        for subject_type, ids in by_type(subjects).items()
        for subject_id, description in _handlers[subject_type].describe(app, ids).items()
    }


def lock_people(app: App, subjects: Iterable[Subject]) -> None:
    """Locks the wallets of everybody whom a decision on these may touch, all at once: before every other lock."""
    users: set[str] = set()
    for subject_type, ids in by_type(subjects).items():
        handler = _handlers[subject_type]
        if hasattr(handler, "people"):
            users |= handler.people(app, ids)
        else:
            known = handler.describe(app, ids).values()
            users |= {user_id for each in known for user_id in (each.user_id, each.other_id) if user_id is not None}
    if users:
        _lock_wallets(app, users)


def along(app: App, subjects: Iterable[Subject]) -> set[Subject]:
    """What is rejected along with these, if they are."""
    return {
        also
        for subject_type, ids in by_type(subjects).items()
        if hasattr(_handlers[subject_type], "along")
        for also in _handlers[subject_type].along(app, ids)
    }


_lock_wallets: Callable[[App, set[str]], object] = lambda app, users: None  # noqa: E731 - until the ledger is ready


def lock_wallets_with(lock: Callable[[App, set[str]], object]) -> None:
    """Names what locks wallets: the ledger stands above fraud, which has to lock them first."""
    global _lock_wallets
    _lock_wallets = lock
