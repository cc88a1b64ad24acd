"""What fraud asks of the programmes, which stand above it: a protocol for each kind of subject, registered in ``AppConfig.ready``.

Every method runs inside the caller's transaction, so that a decision and its effect are one. Lock order: wallets first; so a
method that moves rewards locks all wallets of all its subjects in one call before it touches anything else.
"""

from collections.abc import Sequence
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
