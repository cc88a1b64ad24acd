"""Taking part: whether the app's users may spend at partners, at which, and what the app agrees to owe for it."""

from decimal import Decimal

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Count as CountOf
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta import clock, money
from incenta.accounts.models import App
from incenta.dashboard.access import may
from incenta.dashboard.api_form import ApiForm
from incenta.dashboard.pages import Action as Button
from incenta.dashboard.pages import AppPage, forbidden
from incenta.errors import DomainError, NotFound
from marketplace import participation, profiles
from marketplace.api.settings import SettingsInput
from marketplace.models import Participation, Profile

from .listing_form import Rate, words_of
from .profile import text
from .words import ceilings, plain

MOST_PARTNERS = 100
"""Businesses on the page, by name; others are listed by their id."""


def lines(label: str, help_text: str) -> forms.CharField:
    attrs = {"rows": 3, "spellcheck": "false", "autocomplete": "off", "placeholder": "biz_…"}
    return forms.CharField(label=label, help_text=help_text, max_length=50_000, widget=forms.Textarea(attrs=attrs))


class JoinForm(ApiForm):
    seen = forms.CharField(widget=forms.HiddenInput)
    joined = forms.BooleanField(label="Our users may spend their coins and tokens at partner businesses")
    most_a_coin = Rate(
        label="At most for a coin", empty=None, help_text="Empty: no ceiling, so whatever a listing asks."
    )
    most_a_token = Rate(label="At most for a token", empty=None, help_text="Empty: no ceiling.")
    countries = text(
        "Where our users are", placeholder="NP, IN", longest=1000, help_text="Two letters each. Empty: anywhere."
    )
    allowed = lines("Only these businesses", "Their ids, one a line. Empty: all that are not blocked.")
    blocked = lines("Never these", "Their ids, one a line.")

    own = ("seen", "most_a_coin", "most_a_token", "countries", "allowed", "blocked")
    wide = ("joined", "countries", "allowed", "blocked")
    spelling = {
        "maxPerCoin": "most_a_coin",
        "maxPerToken": "most_a_token",
        "allowedBusinesses": "allowed",
        "blockedBusinesses": "blocked",
    }

    def __init__(self, *args, app: App, settled: Participation, **kwargs):
        self.stands = clock.iso(settled.updated_at)
        # who has never said anything is offered a ceiling to begin with: without one he agrees to any rate
        is_new = not settled.joined and settled.most_a_coin is None and settled.most_a_token is None
        suggested = plain(Decimal(1).scaleb(-money.exponent(app.currency))) if is_new else ""
        initial = {
            "seen": self.stands,
            "joined": settled.joined,
            "most_a_coin": plain(settled.most_a_coin) or suggested,
            "most_a_token": plain(settled.most_a_token) or suggested,
            "countries": ", ".join(settled.countries),
            "allowed": "\n".join(settled.allowed),
            "blocked": "\n".join(settled.blocked),
        }
        self.sections = (
            ("Taking part", "", ("joined",)),
            (
                "What you agree to owe",
                f"In {app.currency}. Whoever's user spends, owes the business the rate of its listing.",
                ("most_a_coin", "most_a_token"),
            ),
            ("Where", "", ("countries",)),
            ("Which businesses", "", ("allowed", "blocked")),
        )
        super().__init__(*args, initial=initial, **kwargs)

    def sent(self) -> dict:
        told = self.cleaned_data
        return super().sent() | {
            "maxPerCoin": self.fields["most_a_coin"].sent(told.get("most_a_coin") or ""),
            "maxPerToken": self.fields["most_a_token"].sent(told.get("most_a_token") or ""),
            "countries": words_of(told.get("countries") or ""),
            "allowedBusinesses": (told.get("allowed") or "").split(),
            "blockedBusinesses": (told.get("blocked") or "").split(),
        }

    def checked(self, body: dict) -> dict:
        return SettingsInput.values(body)

    def clean(self) -> dict:
        if self.cleaned_data.get("seen") != self.stands:
            self.add_error(None, "Somebody changed this meanwhile. Please open it again.")
            return self.cleaned_data
        return super().clean()


class Joining(AppPage):
    """Everybody reads how things stand; the form is for those who may edit."""

    section = "marketplace"
    template_name = "marketplace/joining.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        settled = participation.of(request.app)
        return self.show(settled, JoinForm(app=request.app, settled=settled))

    def post(self, request: HttpRequest) -> HttpResponse:
        if not may(request, "marketplace.edit"):
            return forbidden(request, "marketplace.edit")
        settled = participation.of(request.app)
        form = JoinForm(request.POST, app=request.app, settled=settled)
        if not form.is_valid():
            return self.show(settled, form, status=422)
        try:
            with transaction.atomic():
                saved = participation.revise(request.app, form.values)
        except NotFound:
            raise
        except DomainError as error:
            form.refuse_domain(error)
            return self.show(settled, form, status=422)
        if saved.joined and not settled.joined:
            told = "Your users can spend at partners from now on."
        elif settled.joined and not saved.joined:
            told = "Your users can no longer spend at partners. Codes that they have stay good."
        else:
            told = "Saved."
        messages.success(request, told)
        return redirect(self.url(self.section))

    def show(self, settled: Participation, form: JoinForm, *, status: int = 200) -> HttpResponse:
        app = self.request.app
        partners = list(
            participation.businesses(app)
            .annotate(offers=CountOf("listings", filter=Q(listings__published=True, listings__deleted_at=None)))
            .order_by("name", "pk")[: MOST_PARTNERS + 1]
        )
        for partner in partners:
            partner.is_own = partner.app_id == app.pk
            partner.state = standing(partner, settled)
        context = {
            "form": form,
            "settled": settled,
            "business": profiles.of(app),
            "offers": app.listings.filter(published=True, deleted_at=None).count(),
            "may_edit": may(self.request, "marketplace.edit"),
            "ceilings": ceilings(settled, app.currency),
            "partners": partners[:MOST_PARTNERS],
            "has_more": len(partners) > MOST_PARTNERS,
            "most": MOST_PARTNERS,
        }
        return self.page(context, status=status)


def standing(partner: Profile, settled: Participation) -> tuple[str, str]:
    """The class and the word of what the app's own lists say about a business."""
    if partner.pk in settled.blocked:
        return "revoked", "Blocked"
    if settled.allowed and partner.pk not in settled.allowed:
        return "off", "Not in your list"
    return ("active", "Open to your users") if settled.joined else ("off", "You have not joined")


class Block(Button):
    """Puts a business on the app's block list, or takes it off."""

    permission = "marketplace.edit"
    section = "marketplace"
    block = True

    def act(self, business_id: str) -> str:
        app = self.request.app
        business = participation.businesses(app).filter(pk=business_id).first()
        if business is None:
            raise NotFound("business_not_found", "There is no such business.")
        App.objects.select_for_update().get(pk=app.pk)  # two presses at once keep both
        rest = [each for each in participation.of(app).blocked if each != business.pk]
        participation.revise(app, {"blocked": [*rest, business.pk] if self.block else rest})
        if self.block:
            return f"Your users no longer see {business.name}. Codes that they have stay good."
        return f"{business.name} is no longer blocked."
