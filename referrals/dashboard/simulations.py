"""What the rules in the form would have cost: the campaign's conversions replayed under them, beside the form or on a page of its own."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.http import HttpRequest, HttpResponse

from incenta import clock, money
from incenta.errors import BadRequest, InvalidInput, TooManyRequests
from referrals import simulating

from .campaign_form import CampaignForm
from .campaigns import CampaignPage
from .estimate import foreseen

DAYS = (30, 90, 365)
USUAL_DAYS = 90
SHOWN = 5
"""Winners and losers."""
REFUSED = {
    "already_converted": "whose friend had converted before",
    "campaign_ended": "after the end",
    "campaign_not_started": "before the start",
    "conversion_window_expired": "too long after the click",
}
STOPPED = {
    "budget": "stopped or held by the budget",
    "maxRewardsPerReferrer": "beyond the most of one referrer",
    "rewardCap": "cut by a cap",
    "tiers": "below the first tier",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one currency, in words."""

    draft: str
    actual: str
    today: str
    difference: str


class SimulateCampaign(CampaignPage):
    """POST of the campaign's form and ``days``. Nothing is saved."""

    permission = "campaigns.edit"
    template_name = "campaigns/simulated_page.html"

    def post(self, request: HttpRequest, campaign_id: str) -> HttpResponse:
        campaign = self.campaign(campaign_id)
        form = CampaignForm(request.POST, campaign=campaign)
        context = self.simulated(form) if form.is_valid() else foreseen(form)
        if request.htmx:
            return self.page({"campaign": campaign} | context, template="campaigns/simulated.html")
        response = self.about(campaign, **context)
        response.status_code = 200 if "simulation" in context else 422
        return response

    def simulated(self, form: CampaignForm) -> dict:
        app = self.request.app
        days = next((each for each in DAYS if str(each) == self.request.POST.get("days")), USUAL_DAYS)
        since = clock.now(app) - timedelta(days=days)
        try:
            found = simulating.simulate(app, form.campaign.pk, form.values, since=since, top=SHOWN)
        except (InvalidInput, BadRequest, TooManyRequests) as refusal:
            return {"wrong": [("Rules", refusal.message)]}
        return {
            "simulation": found,
            "days": days,
            "costs": costs(found),
            "refused": [(each["conversions"], REFUSED[each["code"]]) for each in found["draft"]["refused"]],
            "stopped": [(each["rewards"], STOPPED[each["rule"]]) for each in found["draft"]["stopped"]],
            "sides": [
                (
                    title,
                    side["users"],
                    [(one["userId"], told(one, "before"), told(one, "after")) for one in side["top"]],
                )
                for title, side in (("more", found["winners"]), ("less", found["losers"]))
                if side["users"]
            ],
        }


def costs(found: dict) -> list[Cost]:
    """Each currency's sums; where nothing was rewarded and nothing would have been, none."""

    def of(side: str, currency: str) -> dict:
        nothing = {"currency": currency, "amount": 0}
        return next((each for each in found[side]["costs"] if each["currency"] == currency), nothing)

    return [
        Cost(
            draft=told(of("draft", currency)),
            actual=told(of("actual", currency)),
            today=told(of("today", currency)),
            difference=_compared(each),
        )
        for each in found["differences"]
        for currency in [each["currency"]]
    ]


def _compared(difference: dict) -> str:
    if not difference["amount"]:
        return "As much as was given"
    size = told(difference | {"amount": abs(difference["amount"])})
    return f"{size} {'more' if difference['amount'] > 0 else 'less'} than was given"


def told(amount: dict, name: str = "amount") -> str:
    """A number of the answer as people read it."""
    currency = amount["currency"]
    return money.display(int(Decimal(str(amount[name])).scaleb(money.exponent(currency))), currency)
