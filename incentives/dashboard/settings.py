"""What the rules say of time: when points expire, and how a streak outlives missed days. One page, in words and as a form."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta import clock
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.api_form import ApiForm, Count
from incenta.dashboard.pages import AppPage, forbidden
from incenta.errors import DomainError
from incentives import rule_settings
from incentives.api.settings import SettingsInput
from incentives.book import Expiry
from incentives.models import Rulebook
from incentives.models.rulebook import ExpiryRound, ExpiryUnit

UNITS = [(ExpiryUnit.DAY, "Days"), (ExpiryUnit.MONTH, "Months")]
ROUNDS = [
    (ExpiryRound.NONE, "at that moment"),
    (ExpiryRound.DAY, "at the end of that day"),
    (ExpiryRound.MONTH, "at the end of that month"),
]


class SettingsForm(ApiForm):
    seen = forms.CharField(widget=forms.HiddenInput)
    coins_expire_after = Count(label="Coins expire after", empty=None, help_text="Empty: never.")
    coins_expire_unit = forms.ChoiceField(label="Counted in", choices=UNITS)
    coins_expire_round = forms.ChoiceField(label="They end", choices=ROUNDS)
    tokens_expire_after = Count(label="Tokens expire after", empty=None, help_text="Empty: never.")
    tokens_expire_unit = forms.ChoiceField(label="Counted in", choices=UNITS)
    tokens_expire_round = forms.ChoiceField(label="They end", choices=ROUNDS)
    streak_freezes = Count(label="A user begins with", help_text="Freezes. Each covers one missed day.")
    streak_freeze_every = Count(label="One more after", empty=None, help_text="Days in a row. Empty: none is earned.")
    streak_freezes_most = Count(label="Earned up to", help_text="Freezes that a user holds at once.")

    own = ("seen",)
    sections = (
        ("Coins", "", ("coins_expire_after", "coins_expire_unit", "coins_expire_round")),
        ("Tokens", "", ("tokens_expire_after", "tokens_expire_unit", "tokens_expire_round")),
        (
            "Streaks",
            "A frozen day keeps a streak and does not lengthen it.",
            ("streak_freezes", "streak_freeze_every", "streak_freezes_most"),
        ),
    )

    def __init__(self, *args, rulebook: Rulebook, **kwargs):
        said = {name: getattr(rulebook, name) for name in rule_settings.FIELDS}
        self.stands = " ".join(str(value) for value in said.values())
        shown = {name: "" if value is None else value for name, value in said.items()}
        super().__init__(*args, initial=shown | {"seen": self.stands}, **kwargs)

    def clean(self) -> dict:
        if self.cleaned_data.get("seen") != self.stands:
            self.add_error(None, "Somebody changed this meanwhile. Please open it again.")
            return self.cleaned_data
        return super().clean()

    def checked(self, body: dict) -> dict:
        return SettingsInput.parse(body)


class Settings(AppPage):
    """Everybody reads what holds; the form is for those who may edit rules."""

    section = "incentive_settings"
    template_name = "incentives/settings.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        rulebook = rule_settings.of(request.app)
        return self.show(rulebook, SettingsForm(rulebook=rulebook))

    def post(self, request: HttpRequest) -> HttpResponse:
        if not may(request, "incentives.edit"):
            return forbidden(request, "incentives.edit")
        rulebook = rule_settings.of(request.app)
        form = SettingsForm(request.POST, rulebook=rulebook)
        if not form.is_valid():
            return self.show(rulebook, form, status=422)
        try:
            with transaction.atomic():
                rule_settings.revise(request.app, form.values, actor=actor_of(request))
        except DomainError as error:
            form.refuse_domain(error)
            return self.show(rulebook, form, status=422)
        messages.success(request, "Saved. It counts for what is earned from now on.")
        return redirect(self.url(self.section))

    def show(self, rulebook: Rulebook, form: SettingsForm, *, status: int = 200) -> HttpResponse:
        app, now = self.request.app, clock.now(self.request.app)
        context = {
            "form": form,
            "may_edit": may(self.request, "incentives.edit"),
            "ends": [
                (noun.title(), ends(rulebook, noun), ends_at(rulebook, noun, app.timezone, now))
                for noun in ("coins", "tokens")
            ],
            "streaks": streaks(rulebook),
        }
        return self.page(context, status=status)


def ends(rulebook: Rulebook, name: str) -> str:
    """``expire 30 days after they are earned, at the end of that day``"""
    after, unit, rounded = (getattr(rulebook, f"{name}_expire_{part}") for part in ("after", "unit", "round"))
    if not after:
        return "never expire"
    carried = "" if rounded == ExpiryRound.NONE else f", {dict(ROUNDS)[rounded]}"
    return f"expire {after:,} {unit}{'' if after == 1 else 's'} after they are earned{carried}"


def ends_at(rulebook: Rulebook, name: str, zone: str, now: datetime) -> datetime | None:
    """When one that is earned now would end."""
    after, unit, rounded = (getattr(rulebook, f"{name}_expire_{part}") for part in ("after", "unit", "round"))
    return Expiry(after, unit, rounded).of(now, ZoneInfo(zone)) if after else None


def streaks(rulebook: Rulebook) -> str:
    """What becomes of a streak when a day is missed."""
    first, every = rulebook.streak_freezes, rulebook.streak_freeze_every
    if not first and not every:
        return "A streak ends with the first day that is missed."
    told = (
        f"Each user begins with {first:,} freeze{'' if first == 1 else 's'}" if first else "Nobody begins with a freeze"
    )
    if every:
        most = max(rulebook.streak_freezes_most, first)
        told += f", and earns one more after every {every:,} day{'' if every == 1 else 's'} in a row, up to {most:,}"
    return f"{told}. A freeze covers one missed day."
