"""What this room tells the audit log: changes of rules, lists, mutes and settings."""

from django.db.models import QuerySet
from django.http import HttpRequest

from fraud.models import FraudChange
from incenta.dashboard.audit import History, Told, read_with


def rows(request: HttpRequest) -> QuerySet:
    return FraudChange.objects.filter(app=request.app)


def tell(request: HttpRequest, noun: str, kind: str, subject_id: str) -> Told:
    label = FraudChange.Noun(noun).label
    return Told(f"Fraud {label.lower()}: {kind.replace('_', ' ')}", f"fraud.{noun.lower()}.{kind}", subject_id)


def register() -> None:
    """Names this history; once, when the room is ready."""
    facts = ("noun", "kind", "subject_id")
    history = History("Fraud rules and lists", rows, facts, tell, "at", place="version", permission="fraud.read")
    read_with("fraud", history)
