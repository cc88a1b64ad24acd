"""What this room tells the audit log: changes of actions, levels, badges, milestones and settings."""

from django.db.models import QuerySet
from django.http import HttpRequest

from incenta.dashboard.audit import History, Told, read_with
from incentives.models import RuleChange


def rows(request: HttpRequest) -> QuerySet:
    return RuleChange.objects.filter(app=request.app)


def tell(request: HttpRequest, noun: str, key: str, before: dict | None, after: dict | None) -> Told:
    kind = "created" if before is None else "deleted" if after is None else "changed"
    text = f"{kind.capitalize()} the {noun} “{key}”" if key else f"Changed the {noun}"
    return Told(text, f"{noun}.{kind}", key[:40])


def register() -> None:
    """Names this history; once, when the room is ready."""
    facts = ("noun", "key", "before", "after")
    read_with("rules", History("Rules of points", rows, facts, tell, "created_at", place="version"))
