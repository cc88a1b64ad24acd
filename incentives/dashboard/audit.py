"""What this room tells the audit log: changes of actions, levels, badges, milestones and settings."""

from django.http import HttpRequest

from incenta.dashboard.audit import Asked, History, Line, narrowed, numbers_of, read_with
from incentives.models import RuleChange


def read(request: HttpRequest, asked: Asked, cursor: str, limit: int) -> tuple[list[Line], str | None]:
    rows = RuleChange.objects.filter(app=request.app)
    if last := numbers_of(cursor):
        rows = rows.filter(version__lt=last[0])
    found, goes_on = narrowed(rows, asked, "created_at", ("-version",), limit)
    lines = []
    for each in found[:limit]:
        kind = "created" if each.before is None else "deleted" if each.after is None else "changed"
        text = f"{kind.capitalize()} the {each.noun} “{each.key}”" if each.key else f"Changed the {each.noun}"
        lines.append(Line(each.created_at, str(each.version), each.actor, text, f"{each.noun}.{kind}", each.key[:40]))
    return lines, goes_on(len(lines))


def register() -> None:
    """Names this history; once, when the room is ready."""
    read_with("rules", History("Rules of points", read))
