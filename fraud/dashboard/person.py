"""What this room tells of one person, to those who may know: suspicions, decisions, holds."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from fraud.models import FlagStatus
from incenta.dashboard.access import may
from incenta.dashboard.people import MOST_MOMENTS, Happening, Part, show_with

RESOLVED = {
    FlagStatus.REJECTED: ("Found to be fraud", "shield-x"),
    FlagStatus.APPROVED: ("Found to be honest", "shield-check"),
    FlagStatus.MOOT: ("Nothing was left to decide", "shield-off"),
}
"""What became of a suspicion, in words."""


def part(request: HttpRequest, user_id: str) -> Part | None:
    """Two statements."""
    app = request.app
    if not may(request, "fraud.read"):
        return None
    query = urlencode({"q": user_id, "state": ["open", "kept", "closed"]}, doseq=True)
    told = Part(links=[("Fraud cases", f"{reverse('dashboard:fraud', args=[app.pk])}?{query}")])
    flags = list(app.fraud_flags.filter(user_id=user_id).order_by("-first_at", "-pk")[:MOST_MOMENTS])
    for flag in flags:
        url = reverse("dashboard:fraud_case", args=[app.pk, flag.case_id])
        told.happenings.append(
            Happening(flag.first_at, f"Suspected, risk {flag.score}", "shield-alert", url, flag.pk, flag.message)
        )
        if flag.resolved_at and flag.status != FlagStatus.OPEN:
            text, icon = RESOLVED[FlagStatus(flag.status)]
            told.happenings.append(Happening(flag.resolved_at, text, icon, url, flag.pk, flag.note))
    for hold in app.fraud_person_holds.filter(user_id=user_id, released_at=None)[:1]:
        url = reverse("dashboard:fraud_case", args=[app.pk, hold.case_id])
        told.warnings.append(("This person is on hold: new points wait, and nothing can be spent.", url))
    waiting = {flag.case_id for flag in flags if flag.status == FlagStatus.OPEN}
    if waiting and not told.warnings:
        url = reverse("dashboard:fraud_case", args=[app.pk, max(waiting)])
        noun = "case waits" if len(waiting) == 1 else "cases wait"
        told.warnings.append((f"{len(waiting)} {noun} for a decision.", url))
    return told


def register() -> None:
    """Names this room as one that tells of people; once, when it is ready."""
    show_with("fraud", part)
