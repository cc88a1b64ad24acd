"""Fraud's rows: what was seen, what it was scored, what is suspected, what people decided, and by which rules."""

from .attachment import Attachment, AttachmentContent
from .case import Case, CaseEvent, CaseStatus, Deadline
from .change import FraudChange
from .decision import Decision, Verdict
from .flag import Flag, FlagStatus, FlagType
from .link import KeyKind, KeyMark, Link
from .list_entry import ListEntry, Mute
from .person import PersonHold
from .presence import CasePresence
from .rule_set import Backtest, RuleSet, RuleSetState
from .score import Action, Rescore, Score, Stage, Subject
from .settings import FraudSettings
from .sighting import Sighting

__all__ = [
    "Action",
    "Attachment",
    "AttachmentContent",
    "Backtest",
    "Case",
    "CaseEvent",
    "CasePresence",
    "CaseStatus",
    "Deadline",
    "Decision",
    "Flag",
    "FlagStatus",
    "FlagType",
    "FraudChange",
    "FraudSettings",
    "KeyKind",
    "KeyMark",
    "Link",
    "ListEntry",
    "Mute",
    "PersonHold",
    "Rescore",
    "RuleSet",
    "RuleSetState",
    "Score",
    "Sighting",
    "Stage",
    "Subject",
    "Verdict",
]
