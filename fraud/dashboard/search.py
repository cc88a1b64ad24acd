"""What this room finds: open cases by whose they are, and what its ids open."""

from django.http import HttpRequest
from django.urls import reverse

from fraud.models import Attachment, Backtest, Decision, Flag, ListEntry, Mute, PersonHold, RuleSet
from incenta.dashboard.search import MOST, Found, Kind, begins, page_of, search_with


def cases(request: HttpRequest, text: str) -> list[Found]:
    """Cases about a user whose id begins so, by the index of suspicions."""
    some = begins(request.app.fraud_flags, "user_id", text).select_related("case")[: MOST * 4]
    cases = {flag.case_id: flag for flag in some}
    return [
        Found(
            f"{flag.user_id}, score {flag.case.score}",
            reverse("dashboard:fraud_case", args=[request.app.pk, flag.case_id]),
            flag.case.get_status_display(),
        )
        for flag in list(cases.values())[:MOST]
    ]


def register() -> None:
    """Names this room as one that the command box asks; once, when it is ready."""
    reads = {"permission": "fraud.read"}
    search_with(
        "fraud",
        Kind("Fraud cases", "shield-alert", "fraud.read", cases, 60),
        opens={
            "case": page_of(lambda app: app.fraud_cases, "fraud_case", "pk", **reads),
            "dcs": page_of(lambda app: Decision.objects.filter(app=app), "fraud_case", "case_id", **reads),
            "file": page_of(lambda app: Attachment.objects.filter(app=app), "fraud_case", "case_id", **reads),
            "flag": page_of(lambda app: Flag.objects.filter(app=app), "fraud_case", "case_id", **reads),
            "phd": page_of(lambda app: PersonHold.objects.filter(app=app), "fraud_case", "case_id", **reads),
            "rset": page_of(lambda app: RuleSet.objects.filter(app=app), "fraud_version", "pk", **reads),
            "bkt": page_of(lambda app: Backtest.objects.filter(app=app), "fraud_backtest", "pk", **reads),
            "lent": page_of(
                lambda app: ListEntry.objects.filter(app=app), "fraud_lists", query={"q": "value"}, **reads
            ),
            "mute": page_of(lambda app: Mute.objects.filter(app=app), "fraud_mutes", query={"q": "user_id"}, **reads),
        },
    )
