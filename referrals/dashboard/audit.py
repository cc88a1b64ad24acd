"""What this room tells the audit log: campaigns made and changed."""

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from incenta.dashboard.audit import History, Told, read_with
from referrals.models import CampaignVersion


def rows(request: HttpRequest) -> QuerySet:
    return CampaignVersion.objects.filter(app=request.app)


def tell(request: HttpRequest, number: int, campaign_id: str, name: str, changed: dict) -> Told:
    return Told(
        f"{'Created' if number == 1 else 'Changed'} the campaign “{name}”",
        "campaign.created" if number == 1 else "campaign.changed",
        campaign_id,
        reverse("dashboard:campaign_versions", args=[request.app.pk, campaign_id]),
        ", ".join(changed)[:200] if number > 1 else "",
    )


def register() -> None:
    """Names this history; once, when the room is ready."""
    facts = ("number", "campaign_id", "campaign__name", "changed")
    read_with("campaigns", History("Campaigns", rows, facts, tell, "created_at"))
