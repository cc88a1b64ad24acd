"""What this room tells the audit log: changes of rules, lists, mutes and settings."""

from django.http import HttpRequest

from fraud.models import FraudChange
from incenta.dashboard.audit import Asked, History, Line, narrowed, numbers_of, read_with


def read(request: HttpRequest, asked: Asked, cursor: str, limit: int) -> tuple[list[Line], str | None]:
    rows = FraudChange.objects.filter(app=request.app)
    if last := numbers_of(cursor):
        rows = rows.filter(version__lt=last[0])
    found, goes_on = narrowed(rows, asked, "at", ("-version",), limit)
    lines = [
        Line(
            each.at,
            str(each.version),
            each.actor,
            f"Fraud {each.get_noun_display().lower()}: {each.kind.replace('_', ' ')}",
            f"fraud.{each.noun.lower()}.{each.kind}",
            each.subject_id,
        )
        for each in found[:limit]
    ]
    return lines, goes_on(len(lines))


def register() -> None:
    """Names this history; once, when the room is ready."""
    read_with("fraud", History("Fraud rules and lists", read, "fraud.read"))
