"""Make it happen: from the first code to the first reward in four calls, each with a button and each as curl.

Whether a step is done is read from what is there: codes, clicks, conversions, rewards and the request log. So it does not
matter whether somebody pressed the button or called from a terminal, and there is no step number to get out of date.
"""

import json
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import cached_property

from incenta.accounts.models import App
from incenta.api import calling
from incenta.api.authentication import caller_ip
from incenta.api.models import RequestLog
from incenta.dashboard import beginning, once
from incenta.dashboard.access import may
from incenta.dashboard.beginning import Beginning, Card, Further
from incenta.dashboard.pages import AppPage, forbidden
from referrals import campaigns
from referrals.models import Campaign, Referral
from referrals.models.campaign import CampaignStatus

from .campaign_form import CampaignForm, as_sent
from .templates import TEMPLATES

REFERRER = "asha"
"""Whose code the four calls make and use."""
ORDER = 50
LOOKED_THROUGH = 200
"""Lines of the request log in which the last answers are looked for. Who has made more calls has seen a reward."""


# --- what a new sandbox begins with -------------------------------------------------------------------------------------
def begin(app: App, template: str, actor: str) -> None:
    """A running campaign from one of ``TEMPLATES``: what the form would make of it, had somebody sent it as it stands."""
    form = CampaignForm(as_sent(CampaignForm(app=app, initial=dict(TEMPLATES[template].initial))), app=app)
    if not form.is_valid():
        raise ValueError(f"The template {template} makes no campaign: {form.errors.as_json()}")
    campaigns.create(app, form.values | {"declared_status": CampaignStatus.ACTIVE}, actor=actor)


# --- the four steps -----------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Step:
    """One call. ``log`` is the newest line of the request log that made it, if any."""

    key: str
    title: str
    method: str
    path: str
    body: dict | None = None
    once: str = ""
    is_done: bool = False
    is_next: bool = False
    log: RequestLog | None = None
    calls: tuple[str, ...] = field(default_factory=tuple)
    """The routes whose lines in the log are this step's."""

    @property
    def label(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"

    @property
    def curl(self) -> str:
        if self.body is None:
            return f'curl "{settings.BASE_URL}{self.path}" \\\n  -H "x-api-key: $INCENTA_KEY"'
        lines = [
            f"curl -X {self.method} {settings.BASE_URL}{self.path}",
            '-H "x-api-key: $INCENTA_KEY"',
            '-H "Content-Type: application/json"',
            *([f'-H "Idempotency-Key: {self.once}"'] if self.once else []),
            f"-d '{json.dumps(self.body)}'",
        ]
        return " \\\n  ".join(lines)

    @property
    def answer(self) -> object:
        """The answer's JSON; its text where the log has cut it."""
        try:
            return json.loads(self.log.response_body)
        except ValueError:
            return self.log.response_body


class FirstSteps:
    """How far an app has come on its way to the first reward. A handful of short statements."""

    def __init__(self, app: App):
        self.app = app

    @cached_property
    def campaign(self) -> Campaign | None:
        return self.app.campaigns.order_by("created_at", "pk").first()

    @cached_property
    def referral(self) -> Referral | None:
        """The code of the story: the first one of the referrer, else the first of the app."""
        own = self.app.referrals.filter(campaign=self.campaign, referee_id=None)
        return own.filter(referrer_id=REFERRER).first() or own.order_by("pk").first()

    @cached_property
    def conversion_count(self) -> int:
        """Up to a hundred: enough to name the next friend."""
        return self.app.conversions.filter(campaign=self.campaign)[:100].count() if self.campaign else 0

    @cached_property
    def newest(self) -> list[RequestLog]:
        lines = self.app.request_logs.order_by("-pk").only("pk", "method", "route", "status")
        return list(lines[:LOOKED_THROUGH])

    @cached_property
    def has_reward(self) -> bool:
        return self.app.rewards.exists()

    @property
    def was_looked_at(self) -> bool:
        return len(self.newest) >= LOOKED_THROUGH or any(
            line.status == 200 and is_call(line, "GET", ("rewards", "rewards/<str:reward_id>")) for line in self.newest
        )

    def states(self) -> tuple[bool, bool, bool, bool]:
        """Whether there is a code, a click, a conversion, and a reward that somebody asked for."""
        has_code = self.campaign is not None and self.referral is not None
        has_conversion = has_code and self.conversion_count > 0
        has_click = has_code and self.app.clicks.filter(campaign=self.campaign).exists()
        return has_code, has_click, has_conversion, has_conversion and self.has_reward and self.was_looked_at

    def steps(self) -> list[Step]:
        code = self.referral.code if self.referral else "'$CODE'"
        friend = f"friend-{self.conversion_count + 1}"
        campaign = self.campaign.pk if self.campaign else "camp_…"
        found = [
            Step(
                "code",
                "Asha shares: ask for her code",
                "POST",
                "/v1/referrals",
                {"campaignId": campaign, "referrerId": REFERRER},
                f"share-{REFERRER}",
                calls=("referrals",),
            ),
            Step(
                "click",
                "A friend follows her link",
                "POST",
                "/v1/clicks",
                {"referralCode": code, "refereeId": friend},
                calls=("clicks",),
            ),
            Step(
                "convert",
                "The friend buys: report the order",
                "POST",
                "/v1/conversions",
                {"referralCode": code, "refereeId": friend, "amount": ORDER},
                f"order-of-{friend}",
                calls=("conversions",),
            ),
            Step(
                "reward",
                "Look at the reward it earned",
                "GET",
                f"/v1/rewards?campaignId={campaign}",
                calls=("rewards", "rewards/<str:reward_id>"),
            ),
        ]
        for step, is_done in zip(found, self.states(), strict=True):
            step.is_done = is_done
            step.log = next((line for line in self.newest if is_call(line, step.method, step.calls)), None)
        for step in found:
            if not step.is_done:
                step.is_next = True
                break
        return found


def is_call(line: RequestLog, method: str, routes: tuple[str, ...]) -> bool:
    """Whether a line of the log is one of these routes, under whichever mount."""
    return line.method == method and line.route.removeprefix("api/").removeprefix("v1/").rstrip("/") in routes


class FirstRun(AppPage):
    """GET shows the steps, with the key's secret right after sign-up and never again; POST ``run=…`` makes one call."""

    section = "first_run"
    template_name = "first_run/first_run.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if not request.app.is_sandbox:
            return redirect("dashboard:first_run", request.app.sandbox.pk)
        first = FirstSteps(request.app)
        steps = first.steps()
        mark = "-".join(f"{step.is_done:d}{step.log.pk[-8:] if step.log else ''}" for step in steps)
        is_fragment = request.htmx and not request.htmx.history_restore_request
        if is_fragment and request.GET.get("seen") == mark:
            return HttpResponse(status=204)
        self.read_whole(steps)
        context = {
            "steps": steps,
            "mark": mark,
            "is_complete": all(step.is_done for step in steps),
            "campaign": first.campaign,
            "referral": first.referral,
            "done": sum(step.is_done for step in steps),
            "may_run": may(request, "campaigns.edit"),
        }
        if is_fragment:
            return self.page(context, template="first_run/first_run.html#steps")
        return self.page(context | {"furthers": beginning.furthers(request), "secret": once.take(request)})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        if not request.app.is_sandbox or not may(request, "campaigns.edit"):
            return forbidden(request, "campaigns.edit", "Calls are run here in the sandbox only.")
        first = FirstSteps(request.app)
        step = next((step for step in first.steps() if step.key == request.POST.get("run")), None)
        key = calling.newest_key(request.app)
        if step is None or first.campaign is None:
            messages.error(request, "There is nothing to run: make a campaign first.")
        elif key is None:
            messages.error(request, "This sandbox has no key in use. Create one, and run it again.")
        elif first.referral is None and step.key in ("click", "convert"):
            messages.error(request, "There is no code yet: ask for one first.")
        else:
            calling.call(
                key, step.method, step.path, step.body, idempotency_key=step.once, address=caller_ip(request)
            )  # fmt: skip
        return redirect(f"{self.url('first_run')}#step-{step.key}" if step else self.url("first_run"))

    def read_whole(self, steps: list[Step]) -> None:
        """The answers of the lines that are shown, in one statement."""
        found = RequestLog.objects.in_bulk([step.log.pk for step in steps if step.log])
        for step in steps:
            step.log = found.get(step.log.pk) if step.log else None


# --- what to try afterwards ---------------------------------------------------------------------------------------------
def sample_cases(request: HttpRequest) -> Further | None:
    if not may(request, "fraud.decide") or not request.app.is_sandbox:
        return None
    is_done = request.app.fraud_cases.exists()
    url = reverse("dashboard:fraud" if is_done else "dashboard:make_fraud_samples", args=[request.app.pk])
    return Further(
        "Stop somebody who cheats",
        "Six cases to practise on: a self-referral, a device farm, a bot, and a false alarm among them.",
        url,
        "Open the review" if is_done else "Make sample cases",
        is_done,
        posts=not is_done,
    )


def register() -> None:
    """Names this room as what a business begins with; once, when it is ready."""
    cards = tuple(Card(each.key, each.name, each.text, each.icon) for each in TEMPLATES.values())
    beginning.begin_with(Beginning(cards, begin, "first_run"))
    beginning.go_on_with(6, sample_cases)
