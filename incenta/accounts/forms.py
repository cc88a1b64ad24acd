"""What people fill in about themselves, their business and their keys."""

from datetime import timedelta
from functools import cache
from zoneinfo import available_timezones

from django import forms
from django.utils import timezone
from iso4217 import Currency

from incenta.dashboard.beginning import beginning
from incenta.money import is_currency

from .models import ApiKey

FUNDS = frozenset(["BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW", "XAD"])
"""ISO 4217 units of account: nobody pays a customer in them, so the list leaves them out."""


@cache
def currency_choices() -> list[tuple[str, str]]:
    """``[("NPR", "NPR – Nepalese Rupee")]`` of what people are paid in, by code."""
    known = [currency for currency in Currency if is_currency(currency.code) and currency.code not in FUNDS]
    return sorted((currency.code, f"{currency.code} – {currency.currency_name}") for currency in known)


@cache
def timezone_choices() -> list[tuple[str, str]]:
    """IANA zones that are named after places, and UTC first."""
    areas = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    places = sorted(name for name in available_timezones() if name.startswith(areas))
    return [("UTC", "UTC")] + [(name, name.replace("_", " ")) for name in places]


class BusinessForm(forms.Form):
    """The one screen after sign-up. The browser guesses the two selects; without JavaScript they say USD and UTC."""

    name = forms.CharField(
        label="Business or product name",
        max_length=120,
        widget=forms.TextInput(
            attrs={"autofocus": True, "autocomplete": "organization", "placeholder": "Himal Outfitters"}
        ),
    )
    currency = forms.ChoiceField(
        choices=currency_choices, initial="USD", widget=forms.Select(attrs={"data-guess": "currency"})
    )
    timezone = forms.ChoiceField(
        label="Time zone",
        choices=timezone_choices,
        initial="UTC",
        widget=forms.Select(attrs={"data-guess": "timezone"}),
        help_text="Days, weeks and months of your figures begin at midnight here.",
    )


class FirstForm(BusinessForm):
    """The screen after sign-up: also what to begin with."""

    template = forms.ChoiceField(label="Begin with", widget=forms.RadioSelect)
    once = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        cards = beginning().cards
        self.fields["template"].choices = [(card.key, card.name) for card in cards]
        self.fields["template"].initial = cards[0].key


class AppForm(BusinessForm):
    """One more app of the same merchant."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["name"].label = "App name"
        self.fields["name"].help_text = "One app is one product you own. It comes with a sandbox of its own."


class KeyForm(forms.Form):
    """A new API key: for what, how far it reaches, how long."""

    EXPIRIES = [("", "Never"), ("7", "In 7 days"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")]

    name = forms.CharField(
        max_length=80,
        help_text="Where it will live, so that you know which one to revoke.",
        widget=forms.TextInput(attrs={"placeholder": "Checkout server", "autocomplete": "off"}),
    )
    scope = forms.ChoiceField(
        choices=[
            (ApiKey.Scope.FULL, "Full: your server reads and writes everything"),
            (ApiKey.Scope.READ, "Read only: reports and exports"),
            (ApiKey.Scope.PUBLISHABLE, "Publishable: may stand in a web page, only for your allowed domains"),
            (ApiKey.Scope.POS, "Point of sale: a till checks and fulfils marketplace codes, and can do nothing else"),
        ],
        initial=ApiKey.Scope.FULL,
        widget=forms.RadioSelect,
    )
    expires = forms.ChoiceField(label="Expires", choices=EXPIRIES, required=False)
    once = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)

    def expires_at(self):
        """The moment at which the key ends, or ``None``. Real time: keys guard the door of a sandbox too."""
        days = self.cleaned_data["expires"]
        return timezone.now() + timedelta(days=int(days)) if days else None


class RollForm(forms.Form):
    """A key is replaced by a new one; the old one lives a little longer, or not at all."""

    overlap = forms.ChoiceField(
        label="The present key works for",
        choices=[
            ("24", "24 more hours: time to put the new one everywhere"),
            ("1", "1 more hour"),
            ("0", "not a moment longer: it has leaked"),
        ],
        widget=forms.RadioSelect,
    )
    once = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)


class PreferencesForm(forms.Form):
    """How pages address this person and tell them the time."""

    name = forms.CharField(
        label="Your name", max_length=120, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    timezone = forms.ChoiceField(
        label="Time zone", choices=timezone_choices, help_text="Every time you see is told in it."
    )
