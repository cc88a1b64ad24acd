"""The simulator: somebody shares, a friend clicks and buys, a reward comes of it, in the sandbox and only there.

Every step is a call through the API's own door, with its line in the request log, and the widget beside it shows what it would show
that user on a page of the merchant's.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve
from django.utils.functional import cached_property

from incenta.accounts.models import ApiKey
from incenta.api import calling
from incenta.api.authentication import caller_ip
from incenta.api.views import ApiView
from incenta.dashboard.access import may
from incenta.dashboard.pages import AppPage, forbidden
from incenta.errors import NotFound

from . import look

STEPS = {
    "share": "Somebody shares",
    "click": "A friend follows the link",
    "convert": "The friend buys",
    "reward": "What came of it",
}
SHOWN = ("referral-status", "referral-leaderboard", "marketplace-user-redemptions")
"""Widgets that only read: the simulator's window passes nothing on that writes."""


class SimulatorForm(forms.Form):
    campaign = forms.ChoiceField()
    referrer = forms.CharField(label="Who shares", max_length=255, help_text="A user id of your own.")
    friend = forms.CharField(label="The friend", max_length=255, help_text="Somebody new each time.")
    amount = forms.DecimalField(label="Buys for", min_value=0, max_digits=12, decimal_places=3, required=False)

    def __init__(self, campaigns: list[dict], *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["campaign"].choices = [(each["id"], each["name"]) for each in campaigns]


@dataclass(slots=True)
class Ran:
    """One call that was made, and its answer."""

    title: str
    label: str
    answer: calling.Answer

    @property
    def is_good(self) -> bool:
        return self.answer.status < 400


class Simulator(AppPage):
    """POST ``run=share|click|convert|reward|all`` makes these calls."""

    section = "widgets"
    template_name = "widgets/simulator.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if not request.app.is_sandbox:
            return redirect("dashboard:simulator", request.app.sandbox.pk)
        return self.shown(None, [])

    def post(self, request: HttpRequest) -> HttpResponseBase:
        if not request.app.is_sandbox or not may(request, "campaigns.edit"):
            return forbidden(request, "campaigns.edit", "Calls are run here in the sandbox only.")
        form = SimulatorForm(self.campaigns(), request.POST)
        run = request.POST.get("run", "")
        if not form.is_valid() or (run != "all" and run not in STEPS):
            return self.shown(form, [], status=422)
        return self.shown(form, self.ran(run, form.cleaned_data))

    # --- calling ------------------------------------------------------------------------------------------------------
    @cached_property
    def key(self) -> ApiKey | None:
        return calling.newest_key(self.request.app)

    def call(self, method: str, path: str, body: dict | None = None) -> calling.Answer:
        if self.key is None:
            return calling.Answer(401, {"error": "This sandbox has no key in use. Create one first."}, "")
        return calling.call(self.key, method, path, body, address=caller_ip(self.request))

    def campaigns(self) -> list[dict]:
        """The campaigns that run, the newest first."""
        found = self.call("GET", "/v1/campaigns?status=ACTIVE&limit=100")
        return found.body.get("campaigns", []) if isinstance(found.body, dict) else []

    def ran(self, run: str, told: dict) -> list[Ran]:
        """The calls, one after the other until one is refused. Whoever clicks or buys does so with the sharer's code."""
        shared = self.call("POST", "/v1/referrals", {"campaignId": told["campaign"], "referrerId": told["referrer"]})
        found = [Ran(STEPS["share"], "POST /v1/referrals", shared)]
        if not found[0].is_good:
            return found
        visit = {"referralCode": shared.body["referralCode"], "refereeId": told["friend"]}
        order = visit | ({} if told["amount"] is None else {"amount": _number(told["amount"])})
        query = urlencode({"userId": told["referrer"], "campaignId": told["campaign"], "limit": 5})
        wanted = ("share", *[name for name in ("click", "convert", "reward") if run in (name, "all")])
        calls = {
            "click": ("POST", "/v1/clicks", visit),
            "convert": ("POST", "/v1/conversions", order),
            "reward": ("GET", f"/v1/rewards?{query}", None),
        }
        for name in wanted[1:]:
            method, path, body = calls[name]
            found.append(Ran(STEPS[name], f"{method} {path.partition('?')[0]}", self.call(method, path, body)))
            if not found[-1].is_good:
                break
        return found if run in ("share", "all") else found[1:]

    # --- showing ------------------------------------------------------------------------------------------------------
    def shown(self, form: SimulatorForm | None, ran: list[Ran], *, status: int = 200) -> HttpResponse:
        campaigns = self.campaigns()
        told = form.data if form is not None else {}
        referrer = told.get("referrer") or "asha"
        friend = told.get("friend") or "friend-1"
        if any(each.title == STEPS["convert"] and each.is_good for each in ran):
            friend = _next(friend)
        kept = {
            "campaign": told.get("campaign"),
            "referrer": referrer,
            "friend": friend,
            "amount": told.get("amount", "50"),
        }
        if status == 200:
            form = SimulatorForm(campaigns, initial=kept)
        attributes = {
            "key": "inc_pub_sandbox",
            "token": "sandbox",
            "user-id": referrer[:255],
            "api-url": self.url("simulator_window", "v1/").removesuffix("/v1/"),
            "heading-level": "3",
        }
        context = {
            "form": form,
            "campaigns": campaigns,
            "ran": ran,
            "steps": STEPS.items(),
            "referrer": referrer,
            "widgets": [look.element(name, attributes) for name in SHOWN],
            "has_key": self.key is not None,
            "may_run": may(self.request, "campaigns.edit"),
        }
        return self.page(context, status=status)


def _number(amount) -> int | float:
    return int(amount) if amount == int(amount) else float(amount)


def _next(friend: str) -> str:
    """Somebody who has not bought yet: ``friend-2`` after ``friend-1``."""
    name, separator, number = friend.rpartition("-")
    return f"{name}-{int(number) + 1}" if separator and number.isascii() and number.isdecimal() else f"{friend}-2"


class Window(Simulator):
    """What the widgets of the simulator read: the sandbox's real answers. Nothing is written through it."""

    def get(self, request: HttpRequest, call: str) -> HttpResponseBase:
        if not request.app.is_sandbox:
            return redirect("dashboard:simulator_window", request.app.sandbox.pk, call)
        try:
            view = getattr(resolve(f"/{call}").func, "cls", None)
        except Resolver404:
            view = None
        if view is None or not issubclass(view, ApiView) or "GET" not in view.publishable:
            raise NotFound("not_found", "No widget makes this call.")
        path = f"/{quote(call)}"
        query = request.META.get("QUERY_STRING", "")
        found = self.call("GET", f"{path}?{query}" if query else path)
        return JsonResponse(found.body, status=found.status, safe=False)

    def post(self, request: HttpRequest, call: str) -> HttpResponseBase:
        return HttpResponse(status=405)
