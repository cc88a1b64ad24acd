"""The settings of fraud: from where coins wait and subjects are watched, how many are sampled, and whether rules take two persons."""

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from fraud import settings
from fraud.api.rule_sets import FraudSettingsInput
from fraud.models import FraudSettings
from incenta.accounts.models import Role
from incenta.dashboard.access import actor_of, actors, may
from incenta.dashboard.api_form import ApiForm, Count
from incenta.dashboard.pages import AppPage, forbidden
from incenta.errors import DomainError


class SettingsForm(ApiForm):
    seen = forms.CharField(widget=forms.HiddenInput)
    watch_at = Count(
        label="Watched from",
        empty="",
        help_text="The score from which clients are told, and a subject is looked at again.",
    )
    coin_hold_at = Count(
        label="Coins wait from", empty="", help_text="The score from which a user's new coins wait for review."
    )
    sample_per_thousand = Count(
        label="Reviewed at random, of a thousand",
        empty="",
        help_text="Without some, nobody learns what is missed. 0: none.",
    )
    two_person = forms.BooleanField(
        label="Rules take two persons: whoever drafts a version cannot activate it, and API keys cannot either"
    )

    own = ("seen",)
    wide = ("two_person",)
    sections = (
        (
            "Scores",
            "From 0 to 100. What is held and refused is each campaign's own setting.",
            ("watch_at", "coin_hold_at"),
        ),
        ("Sample", "Conversions that nothing spoke against.", ("sample_per_thousand",)),
        ("Rules", "Only an owner turns it off again.", ("two_person",)),
    )

    def __init__(self, *args, kept: FraudSettings, **kwargs):
        self.stands = str(kept.version)
        super().__init__(
            *args, initial={name: getattr(kept, name) for name in settings.FIELDS} | {"seen": self.stands}, **kwargs
        )

    def clean(self) -> dict:
        if self.cleaned_data.get("seen") != self.stands:
            self.add_error(None, "Somebody changed rules or settings meanwhile. Please open it again.")
            return self.cleaned_data
        return super().clean()

    def checked(self, body: dict) -> dict:
        return FraudSettingsInput.parse(body)


class Settings(AppPage):
    """Analysts read what holds; the form is for those who may change rules."""

    section = "fraud_rules"
    permission = "fraud.read"
    template_name = "fraud/settings.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        kept = settings.of(request.app)
        return self.show(kept, SettingsForm(kept=kept))

    def post(self, request: HttpRequest) -> HttpResponse:
        if not may(request, "fraud.rules"):
            return forbidden(request, "fraud.rules")
        kept = settings.of(request.app)
        form = SettingsForm(request.POST, kept=kept)
        if not form.is_valid():
            return self.show(kept, form, status=422)
        try:
            with transaction.atomic():
                is_owner = request.membership.role == Role.OWNER
                settings.revise(request.app, form.values, actor=actor_of(request), is_owner=is_owner)
        except DomainError as error:
            form.refuse_domain(error)
            return self.show(kept, form, status=422)
        messages.success(request, "Saved. It counts from the next call on.")
        return redirect(self.url("fraud_settings"))

    def show(self, kept: FraudSettings, form: SettingsForm, *, status: int = 200) -> HttpResponse:
        by = actors(self.request, {kept.updated_by}).get(kept.updated_by, kept.updated_by)
        context = {
            "kept": kept,
            "by": by,
            "form": form,
            "may_edit": may(self.request, "fraud.rules"),
            "tab": "settings",
        }
        return self.page(context, status=status)
