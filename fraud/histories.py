"""What fraud asks of the programmes for the second pass: the story of a subject, which the request has no time to read.

A second small protocol beside ``subjects``: one teller for each kind of subject, registered in ``AppConfig.ready``. Its statements
are bounded, however long the story is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from incenta.accounts.models import App

from .scoring import Thresholds

MOST_EARLIER = 200
"""Conversions of a referrer's that are told, the newest first."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One conversion of the referrer's in the campaign."""

    id: str
    at: datetime
    referee_id: str
    amount_minor: int | None
    rewarded_at: datetime | None = None
    """When its reward was the referrer's to claim or paid."""
    refunded_at: datetime | None = None
    """When it was first taken back, in part or whole; not for fraud."""
    referred_at: datetime | None = None
    """When the friend first referred somebody himself."""
    last_seen: datetime | None = None
    """The last moment from which anything is known of the friend."""
    code_id: str = ""
    is_held: bool = False
    """In review, or found to be fraud."""


@dataclass(frozen=True, slots=True)
class Step:
    """One conversion on the way up from the one that is looked at: who brought whom."""

    id: str
    referrer_id: str
    referee_id: str
    at: datetime
    friends: int = 1
    """Of the referrer; at most 2."""
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Base:
    """How things are in the campaign, by the newest conversions of other referrers."""

    seen: int = 0
    refunded: float = 0.0
    """Share that was taken back."""
    silent: float = 0.0
    """Share of friends of whom nothing more is known 14 days later."""
    grown: int = 0
    """How many of those are 14 days old."""
    quick_paths: float = 0.0
    """Share whose referrer was referred himself within the six hours before: a viral launch has many."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who clicks on the code that a subject came through."""

    code_id: str = ""
    clickers: int = 0
    """Distinct, at most 5,000."""
    usual: float = 0.0
    """The median of the campaign's codes that have clicks."""
    source: str = ""
    """Where most of those with a landing address say they come from."""
    source_share: float = 0.0
    is_told: bool = False
    """It is flagged as broadcast already."""


@dataclass(frozen=True, slots=True)
class Story:
    subject_type: str
    subject_id: str
    referrer_id: str
    referee_id: str | None
    campaign_id: str
    at: datetime
    is_held: bool
    is_over: bool
    """Reversed or expired: nothing is left to hold."""
    thresholds: Thresholds
    due_hours: int | None = None
    due_outcome: str | None = None
    deeds: Sequence[Deed] = ()
    """Of the referrer in the campaign, newest first, this one among them."""
    base: Base = Base()
    path: Sequence[Step] = ()
    """Upwards, this conversion first."""
    crowd: Crowd = Crowd()


class Teller(Protocol):
    def story(self, app: App, subject_id: str) -> Story | None:
        """``None`` for what is not there (any more)."""

    def tell(self, app: App, subject_id: str, *, score: int, warning: str | None, reasons: list[dict] | None) -> None:
        """Notes on the subject itself what is thought of it now, for the answers to clients."""


_tellers: dict[str, Teller] = {}


def register(subject_type: str, teller: Teller) -> None:
    """Says who tells of a kind of subject. Once each."""
    if subject_type in _tellers:
        raise ValueError(f"{subject_type} has its teller")
    _tellers[subject_type] = teller


def teller_of(subject_type: str) -> Teller | None:
    return _tellers.get(subject_type)
