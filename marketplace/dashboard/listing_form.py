"""The form of a listing: what it is, what it costs, what partners owe for it, how many there are, when, and its codes."""

from decimal import Decimal, InvalidOperation

from django import forms
from django.utils import timezone

from incenta import clock
from incenta.accounts.forms import currency_choices
from incenta.dashboard.api_form import Count
from incenta.errors import InvalidInput
from incentives.dashboard.rule_form import RuleForm
from marketplace.api.listings import ListingChanges, ListingInput
from marketplace.models import CodeSource, ExpiryPolicy, Listing, ListingStock

from .profile import address, text
from .words import plain

DISCOUNTS = [("", "Not said here"), ("PERCENTAGE", "Percent off"), ("FIXED_AMOUNT", "Amount off")]


class Rate(forms.CharField):
    """A number with decimals in a text box; ``sent`` gives the text where it is none, for the API's check to refuse."""

    def __init__(self, *, empty: Decimal | None = Decimal(0), **kwargs):
        self.empty = empty
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        super().__init__(max_length=40, widget=forms.TextInput(attrs=attrs), **kwargs)

    def sent(self, told: str) -> Decimal | str | None:
        told = told.strip()
        if not told:
            return self.empty
        try:
            return Decimal(told)
        except InvalidOperation:
            return told


def moment(label: str) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, widget=widget)


def words_of(listed: str) -> list[str]:
    """``NP, in`` → ``["NP", "IN"]``"""
    return [word.upper() for word in listed.replace(",", " ").replace(";", " ").split()]


class ListingForm(RuleForm):
    title = text(placeholder="A coffee and a slice of cake")
    description = forms.CharField(max_length=2000, widget=forms.Textarea(attrs={"rows": 3, "class": "i-prose"}))
    category = text(placeholder="Food and drink", longest=60)
    image_url = address("Address of a picture")
    discount_type = forms.ChoiceField(label="The code gives", choices=DISCOUNTS)
    discount_value = Rate(label="How much off", empty=None)
    terms = forms.CharField(
        max_length=4000,
        help_text="What users read before they redeem.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "i-prose"}),
    )
    coin_cost = Count(label="Coins")
    token_cost = Count(label="Tokens")
    currency = forms.ChoiceField(choices=currency_choices)
    coin_rate = Rate(label="Owed for a coin", help_text="Such as 0.02. Empty: nothing.")
    token_rate = Rate(label="Owed for a token", help_text="Empty: nothing.")
    inventory = Count(label="In stock", help_text="Empty: without end.", empty=-1)
    inventory_seen = forms.CharField(widget=forms.HiddenInput)
    max_per_user = Count(label="At most, each user", help_text="Empty: without end.", empty=None)
    low_stock_at = Count(label="Warn at", help_text="When so few are left. Empty: never.", empty=None)
    starts_at = moment("From")
    ends_at = moment("Until")
    valid_days = Count(label="A code is good for", help_text="Days. Empty: for ever.", empty=None)
    on_expiry = forms.ChoiceField(
        label="When nobody used it",
        choices=[
            (ExpiryPolicy.RETURN, "The user gets the coins back"),
            (ExpiryPolicy.KEEP, "The coins are spent"),
        ],
        initial=ExpiryPolicy.RETURN,
        help_text="Nothing is owed for it either way.",
    )
    countries = text("Only in", placeholder="NP, IN", longest=1000, help_text="Two letters each. Empty: everywhere.")
    code_source = forms.ChoiceField(
        label="Where they come from",
        choices=[
            (CodeSource.GENERATED, "A new one is made for each redemption"),
            (CodeSource.POOL, "Taken from those that are uploaded"),
        ],
        initial=CodeSource.GENERATED,
    )
    code_prefix = forms.CharField(label="Codes begin with", max_length=12, help_text="Letters and digits.")
    published = forms.BooleanField(label="On offer: users of other apps see it", initial=True)

    own = ("seen", "inventory_seen", "discount_type", "discount_value")
    needed = ("title",)
    fixed = ()
    wide = ("title", "description", "terms", "image_url", "on_expiry", "code_source", "currency", "published")
    spelling = {"discount": "discount_value"}
    sections = (
        ("What it is", "", ("title", "description", "category", "image_url")),
        (
            "Price",
            "What a user pays, and what the user's app then owes you.",
            ("coin_cost", "token_cost", "coin_rate", "token_rate", "currency"),
        ),
        ("At your counter", "What the code gives there.", ("discount_type", "discount_value", "terms")),
        (
            "How many there are",
            "With uploaded codes, never more than there are codes.",
            ("inventory", "max_per_user", "low_stock_at"),
        ),
        ("When and where", "", ("starts_at", "ends_at", "countries")),
        ("Codes", "", ("code_source", "code_prefix", "valid_days", "on_expiry")),
        ("Shelf", "", ("published",)),
    )

    def __init__(self, *args, app, rule=None, **kwargs):
        if rule is None:
            kwargs["initial"] = {"currency": app.currency} | kwargs.get("initial", {})
        super().__init__(*args, app=app, rule=rule, **kwargs)
        self.fields["starts_at"].help_text = f"In your time zone, {timezone.get_current_timezone_name()}. Empty: now."
        self.fields["ends_at"].help_text = "Empty: until you take it off."

    @classmethod
    def initial_of(cls, rule: Listing) -> dict:
        stock = stock_of(rule)
        discount = rule.discount or {"type": "", "value": ""}
        return super().initial_of(rule) | {
            "inventory": stock,
            "inventory_seen": stock,
            "coin_rate": plain(rule.coin_rate),
            "token_rate": plain(rule.token_rate),
            "countries": ", ".join(rule.countries),
            "discount_type": discount["type"],
            "discount_value": discount["value"],
        }

    def sent(self) -> dict:
        body = super().sent()
        told = self.cleaned_data
        for name, theirs in (("coin_rate", "coinRate"), ("token_rate", "tokenRate")):
            body[theirs] = self.fields[name].sent(told.get(name) or "")
        for name, theirs in (("starts_at", "startsAt"), ("ends_at", "endsAt")):
            body[theirs] = clock.iso(told[name]) if told.get(name) else None
        body["countries"] = words_of(told.get("countries") or "")
        body["discount"] = (
            {"type": told["discount_type"], "value": self.fields["discount_value"].sent(told.get("discount_value", ""))}
            if told.get("discount_type")
            else None
        )
        if self.rule is not None and told.get("inventory") == told.get("inventory_seen"):
            body.pop("inventory", None)  # it was not touched: what was redeemed meanwhile stays redeemed
        return body

    def checked(self, body: dict) -> dict:
        values = (ListingInput if self.rule is None else ListingChanges).values(body)
        if self.rule is not None and "inventory" in values:
            stock = stock_of(self.rule)
            if stock != self.cleaned_data.get("inventory_seen"):
                raise InvalidInput(
                    {"inventory": [f"Meanwhile it became {stock or 'unlimited'}. Please open the listing again."]}
                )
        return values


def stock_of(listing: Listing) -> str:
    """What is left of a limited listing, as the form shows it; empty where there is no end."""
    left = (
        ListingStock.objects.filter(listing=listing).values_list("left", flat=True).first() if listing.limited else None
    )
    return "" if left is None else str(left)
