"""What this room tells the audit log: campaigns made and changed."""

from django.http import HttpRequest
from django.urls import reverse

from incenta.dashboard.audit import Asked, History, Line, narrowed, numbers_of, read_with
from referrals.models import CampaignVersion


def read(request: HttpRequest, asked: Asked, cursor: str, limit: int) -> tuple[list[Line], str | None]:
    rows = CampaignVersion.objects.filter(app=request.app)
    if last := numbers_of(cursor):
        rows = rows.filter(pk__lt=last[0])
    found, goes_on = narrowed(rows, asked, "created_at", ("-pk",), limit)
    lines = [
        Line(
            each.created_at,
            str(each.pk),
            each.actor,
            f"{'Created' if each.number == 1 else 'Changed'} the campaign “{each.campaign.name}”",
            "campaign.created" if each.number == 1 else "campaign.changed",
            each.campaign_id,
            reverse("dashboard:campaign_versions", args=[request.app.pk, each.campaign_id]),
            ", ".join(each.changed)[:200] if each.number > 1 else "",
        )
        for each in found.select_related("campaign").defer("rules")[:limit]
    ]
    return lines, goes_on(len(lines))


def register() -> None:
    """Names this history; once, when the room is ready."""
    read_with("campaigns", History("Campaigns", read))
