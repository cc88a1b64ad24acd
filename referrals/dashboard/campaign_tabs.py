"""What stands beside a campaign's figures: how its codes look, and what happened in it last."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from incenta import money
from incenta.dashboard.access import actors
from incenta.dashboard.people import Happening
from referrals import codes
from referrals.models import Campaign
from referrals.models.campaign import CodeFormat
from referrals.rules import Rules

from .campaigns import CampaignPage

PEOPLE = ("asha", "Bimal Rai", "chandra.kc", "deepa_2001", "O'Neil")
"""Whose codes the preview makes up."""
OF_EACH = 12


class CodeSettings(CampaignPage):
    """How codes look, with five made up now that nobody gets."""

    template_name = "campaigns/codes.html"
    tab = "codes"

    def get(self, request: HttpRequest, campaign_id: str) -> HttpResponse:
        campaign = self.campaign(campaign_id)
        rules = Rules.of(campaign)
        is_readable = campaign.code_format != CodeFormat.RANDOM
        examples = [
            (
                name if campaign.code_format == CodeFormat.USERNAME else f"{name.split()[0].lower()}@example.com",
                codes.propose(rules, username=name, email=f"{name.split()[0].lower()}@example.com", attempt=0),
            )
            for name in PEOPLE
        ]
        return self.about(campaign, examples=examples, is_readable=is_readable)


class Activity(CampaignPage):
    """What happened last: codes, orders, rewards and changes of the rules. Five statements."""

    template_name = "campaigns/activity.html"
    tab = "activity"

    def get(self, request: HttpRequest, campaign_id: str) -> HttpResponse:
        campaign = self.campaign(campaign_id)
        found = sorted(self.happenings(campaign), key=lambda each: each.at, reverse=True)
        return self.about(campaign, happenings=found)

    def happenings(self, campaign: Campaign) -> list[Happening]:
        app = self.request.app

        def url(name: str, *args: str) -> str:
            return reverse(f"dashboard:{name}", args=[app.pk, *args])

        found = []
        versions = list(campaign.versions.filter(app=app).order_by("-number")[:OF_EACH])
        names = actors(self.request, {version.actor for version in versions})
        for version in versions:
            what = ", ".join(list(version.changed)[:6])
            text = f"Version {version.number} of the rules" if version.number > 1 else "The campaign was made"
            by = names.get(version.actor, "")
            note = " · ".join(filter(None, [what, f"by {by}" if by else ""]))
            found.append(
                Happening(version.created_at, text, "settings-2", url("campaign_versions", campaign.pk), note=note)
            )
        for referral in app.referrals.filter(campaign=campaign).order_by("-created_at", "-pk")[:OF_EACH]:
            text = f"{referral.referrer_id} got the code {referral.code}"
            found.append(Happening(referral.created_at, text, "ticket", url("referral", referral.pk), referral.pk))
        orders = app.conversions.filter(campaign=campaign).defer("trace", "metadata")
        for conversion in orders.order_by("-converted_at", "-pk")[:OF_EACH]:
            amount = conversion.amount_minor
            worth = "" if amount is None else f", {money.display(amount, conversion.currency)}"
            text = f"{conversion.referee_id} converted{worth}"
            note = "" if conversion.status == "CONVERTED" else conversion.get_status_display()
            found.append(
                Happening(
                    conversion.converted_at, text, "shopping-bag", url("conversion", conversion.pk), conversion.pk, note
                )
            )
        for reward in app.rewards.filter(campaign=campaign).order_by("-created_at", "-pk")[:OF_EACH]:
            text = f"{reward.user_id} earned {money.display(reward.amount_minor, reward.asset)}"
            note = reward.get_status_display()
            found.append(Happening(reward.created_at, text, "gift", url("reward", reward.pk), reward.pk, note))
        return found
