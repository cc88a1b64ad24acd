"""Settings of an app and of the organisation, and its danger zone."""

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta.accounts import app_settings
from incenta.accounts.forms import currency_choices, timezone_choices
from incenta.accounts.models import App
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.pages import AppPage
from incenta.errors import DomainError


class SettingsForm(forms.Form):
    """What one app and its organisation are set to."""

    organisation = forms.CharField(max_length=120, help_text="Of all your apps.")
    name = forms.CharField(label="App name", max_length=120)
    timezone = forms.ChoiceField(
        label="Time zone",
        choices=timezone_choices,
        help_text="Days, weeks and months begin at midnight here: of figures, streaks and boards, from now on.",
    )
    currency = forms.ChoiceField(choices=currency_choices, required=False)
    domains = forms.CharField(
        label="Allowed domains",
        required=False,
        max_length=6_000,
        widget=forms.Textarea(
            attrs={"rows": 4, "spellcheck": "false", "placeholder": "shop.example.com\n*.example.com"}
        ),
        help_text="One a line. Only pages from here may use a publishable key.",
    )
    trusts_forwarded_for = forms.BooleanField(
        label="X-Forwarded-For of a call names the end user's address",
        required=False,
        help_text="Where the call itself names none. Switch it on only if your own server sets that header.",
    )
    allows_negative_points = forms.BooleanField(
        label="Balances of points may fall below zero",
        required=False,
        help_text="Taking points back then also takes what a user has already spent.",
    )

    def __init__(self, app: App, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if app_settings.may_change_currency(app):
            self.fields["currency"].help_text = "Fixed as soon as the first thing happens in this app."
        else:
            self.fields["currency"].disabled = True  # what is sent for it is not read
            self.fields["currency"].help_text = "Fixed: something has happened in this app already."

    def clean_domains(self) -> list[str]:
        domains, wrong = app_settings.domains_of(self.cleaned_data["domains"])
        if wrong:
            raise forms.ValidationError(f"“{wrong[0][:60]}” is no domain. Write it like shop.example.com.")
        if len(domains) > app_settings.MOST_DOMAINS:
            raise forms.ValidationError(f"At most {app_settings.MOST_DOMAINS} domains.")
        return domains


def initial_of(app: App) -> dict:
    return {
        "organisation": app.merchant.name,
        "name": app.name,
        "timezone": app.timezone,
        "currency": app.currency,
        "domains": "\n".join(app.allowed_domains),
        "trusts_forwarded_for": app.trusts_forwarded_for,
        "allows_negative_points": app.allows_negative_points,
    }


class Settings(AppPage):
    permission = "app.settings"
    section = "settings"
    template_name = "accounts/settings.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.shown(SettingsForm(request.app, initial=initial_of(request.app)))

    def shown(self, form: SettingsForm, **context) -> HttpResponse:
        is_refused = form.is_bound or context.get("danger_error")
        context |= {"form": form, "may_close": may(self.request, "merchant.close")}
        return self.page(context, template=Settings.template_name, status=422 if is_refused else 200)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SettingsForm(request.app, request.POST, initial=initial_of(request.app))
        if not form.is_valid():
            return self.shown(form)
        told = dict(form.cleaned_data)
        organisation = told.pop("organisation")
        told["allowed_domains"] = told.pop("domains")
        try:
            with transaction.atomic():
                is_renamed = app_settings.rename(request.app.merchant, organisation, by=actor_of(request))
                changed = app_settings.change(request.app, told, by=actor_of(request))
        except DomainError as error:
            form.add_error(None, error.message)
            return self.shown(form)
        messages.success(request, "The settings are saved." if changed or is_renamed else "Nothing was changed.")
        return redirect(self.url("settings"))


class Danger(Settings):
    """One dangerous verb, confirmed by the app's name."""

    http_method_names = ["post"]
    verb = "pause"
    told = {
        "pause": "The app is paused: every call is refused until you resume it.",
        "resume": "The app takes calls again.",
        "close": "The app and its sandbox are closed. Their keys are revoked; what is stored stays.",
    }

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SettingsForm(request.app, initial=initial_of(request.app))
        if self.verb != "resume" and request.POST.get("confirm", "").strip() != request.app.name:
            return self.shown(form, danger_error=f"Nothing has happened. Please type the name “{request.app.name}”.")
        try:
            with transaction.atomic():
                getattr(app_settings, self.verb)(request.app, by=actor_of(request))
        except DomainError as error:
            return self.shown(form, danger_error=error.message)
        messages.success(request, self.told[self.verb])
        return redirect(self.url("settings"))


class Close(Danger):
    permission = "merchant.close"
    verb = "close"
