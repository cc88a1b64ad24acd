"""The lists: who is always let through, who never, and which signals are muted for whom."""

from datetime import timedelta

import django_filters
from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from fraud import lists, mutes
from fraud.api.lists import EntryInput, MuteInput, key_of, until_of
from fraud.models import KeyKind, ListEntry, Mute
from fraud.weights import may_be_muted, signals
from incenta import clock
from incenta.dashboard.access import actor_of, actors, may
from incenta.dashboard.api_form import ApiForm, Count
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action, AppPage
from incenta.dashboard.searched import SearchedListPage
from incenta.errors import DomainError

ENDS = [("", "Never"), ("7", "After 7 days"), ("30", "After 30 days"), ("90", "After 90 days"), ("365", "After a year")]
MUTED_FOR = [(str(days), f"{days} days") for days in mutes.DAYS]


class EntryFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=255)
    side = django_filters.MultipleChoiceFilter(choices=ListEntry.Side.choices, widget=CheckboxSelectMultiple)
    kind = django_filters.ChoiceFilter(choices=ListEntry.Kind.choices, empty_label="All kinds")

    class Meta:
        model = ListEntry
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """A whole value wherever it stands; else a part of one."""
        return rows.filter(whole(value)) if is_whole(self.request, value) else rows.filter(value__icontains=value)


def is_whole(request: HttpRequest, value: str) -> bool:
    """Whether an entry that stands is just this value; looked up once a request, for whoever asks."""
    known = request.__dict__.setdefault("fraud_list_values", {})
    if value not in known:
        known[value] = request.app.fraud_list.filter(whole(value), removed_at=None).exists()
    return known[value]


def whole(value: str) -> Q:
    """Entries of just this value; sides and kinds are named because the index begins with them."""
    return Q(side__in=ListEntry.Side.values, kind__in=ListEntry.Kind.values, value=value)


class Lists(SearchedListPage):
    section = "fraud_lists"
    permission = "fraud.read"
    template_name = "fraud/lists.html"
    filterset_class = EntryFilter
    export_name = "fraud-lists"
    columns = [
        ("id", lambda one: one.pk),
        ("side", lambda one: one.side),
        ("kind", lambda one: one.kind),
        ("value", lambda one: one.value),
        ("reason", lambda one: one.reason),
        ("createdBy", lambda one: one.by),
        ("createdAtUtc", lambda one: one.created_at),
        ("expiresAtUtc", lambda one: one.expires_at),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.fraud_list.filter(removed_at=None)

    def is_indexed(self, name: str) -> bool:
        return name == "q" and is_whole(self.request, self.request.GET.get("q", "").strip())

    def decorate(self, records: list) -> list:
        return decorated(self.request, records)

    def more_context(self, page, **kwargs) -> dict:
        return {"may_edit": may(self.request, "fraud.decide"), "tab": "lists"}


def decorated(request: HttpRequest, records: list) -> list:
    """Who made each, by name, and whether it has run out."""
    names, now = actors(request, {one.actor for one in records}), clock.now(request.app)
    for one in records:
        one.by = names.get(one.actor, one.actor)
        one.is_over = one.expires_at is not None and one.expires_at <= now
    return records


class EntryForm(ApiForm):
    side = forms.ChoiceField(
        label="What becomes of it",
        choices=[(ListEntry.Side.DENY, "Deny: always held for review"), (ListEntry.Side.ALLOW, "Allow: let through")],
    )
    kind = forms.ChoiceField(label="What it is", choices=ListEntry.Kind.choices)
    value = forms.CharField(
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "203.0.113.0/24"}),
        help_text="A range of addresses is written 203.0.113.0/24. A domain also covers its subdomains.",
    )
    reason = forms.CharField(
        max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off"}), help_text="Analysts read it."
    )
    ends = forms.ChoiceField(label="It ends", choices=ENDS)

    own = ("ends",)
    needed = ("value",)
    wide = ("value", "reason")
    sections = (
        ("Whom", "", ("side", "kind", "value")),
        ("Why and until when", "", ("reason", "ends")),
    )
    spelling = {"expiresAt": "ends"}

    def __init__(self, *args, app, **kwargs):
        super().__init__(*args, **kwargs)
        self.app = app

    def sent(self) -> dict:
        days = self.cleaned_data.get("ends")
        return super().sent() | (
            {"expiresAt": clock.iso(clock.now(self.app) + timedelta(days=int(days)))} if days else {}
        )

    def checked(self, body: dict) -> dict:
        return EntryInput.parse(body)


class FormPage(AppPage):
    """A form whose verb makes one row, then back to the list."""

    permission = "fraud.decide"
    template_name = "fraud/form.html"
    form_class: type[ApiForm]
    title = lead = verb = ""
    parent = ""

    def save(self, values: dict) -> str:
        """Calls the verb; answers the sentence to show. May raise ``DomainError``."""
        raise NotImplementedError

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(self.form_class(app=request.app))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form_class(request.POST, app=request.app)
        if not form.is_valid():
            return self.show(form, status=422)
        try:
            with transaction.atomic():
                told = self.save(form.values)
        except DomainError as error:
            form.refuse_domain(error)
            return self.show(form, status=422)
        messages.success(request, told)
        return redirect(self.url(self.parent))

    def show(self, form: ApiForm, *, status: int = 200) -> HttpResponse:
        told = {
            "form": form,
            "title": self.title,
            "lead": self.lead,
            "verb": self.verb,
            "parent_url": self.url(self.parent),
        }
        return self.page(
            told | {"parent_name": "Lists" if self.parent == "fraud_lists" else "Muted signals"}, status=status
        )


class AddEntry(FormPage):
    section = parent = "fraud_lists"
    form_class = EntryForm
    title, verb = "New list entry", "Put it on the list"
    lead = "It counts from the next call on. What was scored before stays as it was."

    def save(self, values: dict) -> str:
        entry = lists.add(self.request.app, **values, actor=actor_of(self.request))
        return f"{entry.value} is on the {entry.side.lower()} list."


class RemoveEntry(Action):
    permission = "fraud.decide"
    section = "fraud_lists"

    def act(self, entry_id: str) -> str:
        lists.remove(self.request.app, entry_id, actor=actor_of(self.request))
        return "The entry is off its list."


# --- mutes ----------------------------------------------------------------------------------------------------------
class MuteFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(field_name="user_id", lookup_expr="icontains", label="Search", max_length=255)

    class Meta:
        model = Mute
        fields: list[str] = []


class Mutes(ListPage):
    section = "fraud_lists"
    permission = "fraud.read"
    template_name = "fraud/mutes.html"
    filterset_class = MuteFilter
    orders = {"signal": ("signal",), "created": ("created_at",), "ends": ("expires_at",)}
    export_name = "muted-signals"
    columns = [
        ("id", lambda one: one.pk),
        ("signal", lambda one: one.signal),
        ("whom", lambda one: one.whom),
        ("reason", lambda one: one.reason),
        ("createdBy", lambda one: one.by),
        ("createdAtUtc", lambda one: one.created_at),
        ("expiresAtUtc", lambda one: one.expires_at),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.fraud_mutes.filter(removed_at=None)

    def decorate(self, records: list) -> list:
        for one in records:
            face = mutes.face(one)
            one.whom = one.user_id if one.key is None else f"{KeyKind(one.kind).label} {face['key'][:8]}…"
        return decorated(self.request, records)

    def more_context(self, page, **kwargs) -> dict:
        return {"may_edit": may(self.request, "fraud.decide"), "tab": "mutes"}


class MuteForm(ApiForm):
    signal = forms.ChoiceField(choices=())
    user_id = forms.CharField(
        label="User",
        max_length=255,
        strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    days = forms.ChoiceField(label="For", choices=MUTED_FOR)
    reason = forms.CharField(max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    needed = ("user_id",)
    wide = ("reason",)
    sections = (
        (
            "Whom",
            "For one user. The API also mutes a signal for a device, an address, an e-mail, a phone or a card.",
            ("signal", "user_id"),
        ),
        ("Why and for how long", "", ("days", "reason")),
    )

    def __init__(self, *args, app, **kwargs):
        super().__init__(*args, **kwargs)
        self.app = app
        self.fields["signal"].choices = [(code, code) for code in sorted(signals()) if may_be_muted(code)]

    def sent(self) -> dict:
        body = super().sent()
        return body | ({"days": Count().sent(body["days"])} if "days" in body else {})

    def checked(self, body: dict) -> dict:
        values = MuteInput.parse(body)
        return {
            "signal": values["signal"],
            "user_id": values.get("user_id"),
            "key": key_of(self.app, values),
            "until": until_of(self.app, values),
            "reason": values.get("reason", ""),
        }


class AddMute(FormPage):
    section, parent = "fraud_lists", "fraud_mutes"
    form_class = MuteForm
    title, verb = "Mute a signal", "Mute it"
    lead = "It is still computed and shown, and adds no points meanwhile."

    def save(self, values: dict) -> str:
        mute = mutes.add(self.request.app, values.pop("signal"), **values, actor=actor_of(self.request))
        return f"{mute.signal} is muted for {mute.user_id}."


class EndMute(Action):
    permission = "fraud.decide"
    section = "fraud_lists"

    def act(self, mute_id: str) -> str:
        mutes.end(self.request.app, mute_id, actor=actor_of(self.request))
        return "The signal speaks again."

    def back(self, **kwargs) -> str:
        return self.url("fraud_mutes")
