"""Users and their points: everybody's balances, and one user's ledger that explains each of them to the last coin."""

from datetime import datetime

import django_filters
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms import RadioSelect
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode

from incenta import clock
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.api_form import ApiForm, Count
from incenta.dashboard.lists import DeepPage, KeyedListPage
from incenta.dashboard.pages import Action as Button
from incenta.dashboard.pages import forbidden
from incenta.errors import DomainError, InvalidInput, NotFound
from incentives import adjusting, balances, explaining, user_settings
from incentives.api.adjustments import AdjustmentInput
from incentives.balances import NAMES
from incentives.models import Action, Activity, Standing, Transfer, Wallet

from .words import cause, changed, lot, rule

LAST = "\U0010ffff"
"""Sorts behind every character that an id may have."""
ASSETS = [("XP", "XP"), ("COIN", "Coins"), ("TOKEN", "Tokens"), ("money", "Money")]


class WalletFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=255)

    class Meta:
        model = Wallet
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(user_id__gte=value, user_id__lt=value + LAST)


class Ledgers(KeyedListPage):
    """Everybody, in the order of their ids; what is searched for is how an id begins."""

    order_field = "user_id"
    is_rising = True

    section = "ledgers"
    template_name = "incentives/ledgers.html"
    filterset_class = WalletFilter
    export_name = "balances"
    columns = [
        ("userId", lambda one: one.user_id),
        ("level", lambda one: one.face["level"]),
        ("xp", lambda one: one.xp),
        ("coins", lambda one: one.coins),
        ("tokens", lambda one: one.tokens),
        ("coinsHeld", lambda one: one.coins_held),
        ("tokensHeld", lambda one: one.tokens_held),
        ("streak", lambda one: one.face["streak"]),
        ("badges", lambda one: "; ".join(one.face["badges"])),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.wallets.all()

    def decorate(self, records: list) -> list:
        for wallet, face in zip(records, balances.faces(self.request.app, records), strict=True):
            wallet.face = face
            wallet.held = wallet.coins_held + wallet.tokens_held + wallet.xp_held
            first = next(iter(face["expiring"]), None)
            wallet.expires = first and first | {"moment": parse_datetime(first["at"])}
        return records


class EntryFilter(django_filters.FilterSet):
    asset = django_filters.ChoiceFilter(choices=ASSETS, method="of_asset", empty_label="Everything", widget=RadioSelect)
    at = django_filters.DateTimeFilter(field_name="recorded_at", lookup_expr="lte", label="As it was at")

    class Meta:
        model = Transfer
        fields: list[str] = []

    def of_asset(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.exclude(asset__in=NAMES) if value == "money" else rows.filter(asset=value)


class AdjustForm(ApiForm):
    xp = Count(label="XP", help_text="Below zero takes away.")
    coins = Count()
    tokens = Count()
    reason = forms.CharField(
        max_length=500,
        help_text="Stands beside the entries for good.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "The order was cancelled"}),
    )

    needed = ("reason",)

    def __init__(self, *args, user_id: str, **kwargs):
        super().__init__(*args, **kwargs)
        self.user_id = user_id

    def checked(self, body: dict) -> dict:
        told = AdjustmentInput.parse(body | {"userId": self.user_id})
        if not any(told.get(name) for name in adjusting.ASSETS):
            raise InvalidInput({"coins": ["Say how many coins, tokens or XP to add or to take."]})
        return told


ACTION_NAME = Subquery(
    Action.objects.filter(
        app=OuterRef("app"),
        key__in=Activity.objects.filter(app=OuterRef("app"), pk=OuterRef(OuterRef("cause"))).values("action_key"),
    ).values("name")[:1]
)
"""What an entry's action is called today, where an event is its cause."""


class Ledger(KeyedListPage):
    """``?id=`` names the user, for an id may hold what an address would not keep. POST adjusts."""

    section = "ledgers"
    template_name = "incentives/ledger.html"
    filterset_class = EntryFilter
    order_field = "seq"
    per_page = 50
    export_name = "entries"
    columns = [
        ("entryId", lambda one: one.pk),
        ("seq", lambda one: one.seq),
        ("recordedAtUtc", lambda one: one.recorded_at),
        ("occurredAtUtc", lambda one: one.occurred_at),
        ("asset", lambda one: one.face["asset"]),
        ("amount", lambda one: one.face["amount"]),
        ("balance", lambda one: one.face["balance"]),
        ("heldAmount", lambda one: one.face["heldAmount"]),
        ("heldBalance", lambda one: one.face["heldBalance"]),
        ("cause", lambda one: one.cause_told),
        ("causeId", lambda one: one.cause),
        ("ruleVersion", lambda one: one.rule_version),
        ("lotId", lambda one: one.face["lot"]["id"] if one.face["lot"] else ""),
        ("expiresAtUtc", lambda one: one.expires_at),
    ]
    form = None

    @property
    def user_id(self) -> str:
        return self.request.GET.get("id", "")

    def get(self, request: HttpRequest, **kwargs) -> HttpResponseBase:
        if not 1 <= len(self.user_id) <= 255 or "\0" in self.user_id:
            raise NotFound("user_not_found", "There is no such user.")
        return super().get(request, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        if not may(request, "points.adjust"):
            return forbidden(request, "points.adjust")
        self.form = AdjustForm(request.POST, user_id=self.user_id)
        if self.form.is_valid():
            told = dict(self.form.values)
            user_id = told.pop("user_id")
            try:
                with transaction.atomic():
                    made = adjusting.adjust(request.app, user_id, actor=actor_of(request), **told)
            except DomainError as error:
                self.form.refuse_domain(error)
            else:
                count = len(made["entries"])
                messages.success(request, f"Adjusted by {count} entr{'ies' if count != 1 else 'y'}, {made['reason']}.")
                return redirect(f"{self.url('ledger')}?{urlencode({'id': user_id})}")
        response = self.get(request)
        response.status_code = 422
        return response

    def key(self, told: str) -> int | None:
        return int(told) if told.isdecimal() and len(told) < 19 else None

    def rows(self) -> QuerySet:
        return explaining.entries(self.request.app, self.user_id).annotate(action_name=ACTION_NAME)

    def paged(self, found: QuerySet) -> DeepPage:
        return super().paged(found.select_related("wallet"))

    def decorate(self, records: list) -> list:
        for entry, face in zip(records, explaining.faces(self.request.app, records), strict=True):
            entry.face = face
            entry.cause_told = cause(face, {face["cause"].get("actionKey"): entry.action_name})
            entry.rule_told = rule(face)
            entry.changed = changed(entry.kind, entry.amount, entry.asset)
            entry.lot_told = lot(face)
        return records

    def standing(self) -> dict:
        """What holds for the user now, whatever past moment is asked about."""
        found = self.request.app.standings.filter(user_id=self.user_id).first() or Standing()
        return {"visible": found.visible, "onHold": found.on_hold}

    def as_of(self) -> datetime | None:
        """The past moment that is asked about."""
        try:
            return forms.DateTimeField(required=False).clean(self.request.GET.get("at"))
        except ValidationError:
            return None

    def more_context(self, page, **kwargs) -> dict:
        app, as_of = self.request.app, self.as_of()
        context: dict = {
            "user_id": self.user_id,
            "as_of": as_of,
            "may_adjust": may(self.request, "points.adjust"),
            "may_edit": may(self.request, "incentives.edit"),
        }
        if self.request.htmx and not self.request.htmx.history_restore_request:
            return context  # the fragment is the entries alone
        wallet = page.object_list[0].wallet if page.object_list else None
        balance = balances.balance(app, self.user_id, as_of=as_of, wallet=wallet)
        for expiry in balance["expiring"]:
            expiry["moment"] = parse_datetime(expiry["at"])
        check = explaining.check(app, self.user_id, as_of=as_of)
        sums = [
            ("XP" if asset == "xp" else asset, check["sum"].get(asset, 0), check["balance"].get(asset, 0))
            for asset in check["sum"] | check["balance"]
        ]
        return context | {
            "balance": balance,
            "check": check,
            "sums": [each for each in sums if each[1] or each[2] or each[0] in ("XP", "coins")],
            "form": self.form or AdjustForm(user_id=self.user_id),
            "standing": self.standing() if as_of else balance,
            "now": clock.now(app),
        }


class SetVisibility(Button):
    """``?id=…&visible=yes|no``: puts a user on the leaderboards, or takes him off all of them. ``to`` is where it leads back."""

    permission = "incentives.edit"
    section = "ledgers"
    to = "ledger"

    def act(self) -> str:
        user_id, visible = self.request.GET.get("id", ""), self.request.GET.get("visible") == "yes"
        if not 1 <= len(user_id) <= 255 or not self.request.app.wallets.filter(user_id=user_id).exists():
            raise NotFound("user_not_found", "There is no such user.")
        user_settings.revise(self.request.app, user_id, visible=visible)
        return f"{user_id} is {'on the leaderboards again' if visible else 'off all leaderboards; points stay as they are'}."

    def back(self) -> str:
        query = self.request.GET.copy()
        query.pop("visible", None)
        if self.to != "ledger":
            query.pop("id", None)
        told = query.urlencode()
        return self.url(self.to) + (f"?{told}" if told else "")
