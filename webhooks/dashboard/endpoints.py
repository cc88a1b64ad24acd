"""Endpoints: listed with how they fare, added; their secret shown once."""

import django_filters
from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta.accounts.models import App
from incenta.dashboard import once
from incenta.dashboard.access import actor_of
from incenta.dashboard.api_form import ApiForm
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import AppPage
from incenta.errors import DomainError, NotFound
from incenta.events.catalogue import EVENT_TYPES

from .. import receiver_address
from ..api.endpoints import parsed
from ..models import WebhookEndpoint
from ..models.endpoint import EVERYTHING
from ..pace import paces
from .words import event_groups, events_told, standing

STATES = [("well", "Well"), ("failing", "Failing"), ("disabled", "Paused or disabled")]


class EndpointFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=200)
    state = django_filters.MultipleChoiceFilter(choices=STATES, method="in_state", widget=CheckboxSelectMultiple)

    class Meta:
        model = WebhookEndpoint
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(url__icontains=value) | Q(description__icontains=value) | Q(pk=value))

    def in_state(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        wanted = {
            "well": Q(is_active=True, health__consecutive_failures=0),
            "failing": Q(is_active=True, health__consecutive_failures__gt=0),
            "disabled": Q(is_active=False),
        }
        found = Q()
        for value in values:
            found |= wanted[value]
        return rows.filter(found)


class EndpointForm(ApiForm):
    """``events`` are names of the catalogue, or none of them where ``everything`` is ticked."""

    url = forms.CharField(
        label="URL",
        max_length=5_000,
        help_text="Where your server takes POST requests.",
        widget=forms.TextInput(
            attrs={
                "inputmode": "url",
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": "https://shop.example.com/hooks/incenta",
            }
        ),
    )
    description = forms.CharField(max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    everything = forms.BooleanField(label="Everything, also types that are still to come")
    events = forms.MultipleChoiceField(
        choices=[(name, name) for name in EVENT_TYPES], widget=forms.CheckboxSelectMultiple
    )
    once = forms.CharField(widget=forms.HiddenInput, max_length=once.LONGEST)

    own = ("everything", "once")
    needed = ("url",)

    def sent(self) -> dict:
        body = super().sent()
        if self.cleaned_data.get("everything"):
            body["events"] = [EVERYTHING]
        return body

    def checked(self, body: dict) -> dict:
        return parsed(body)

    def groups(self) -> list[dict]:
        """The catalogue in groups, with what is ticked."""
        ticked = self["events"].value() or []
        return [
            {"heading": heading, "types": [(kind, kind.name in ticked) for kind in kinds]}
            for heading, kinds in event_groups()
        ]


class Endpoints(ListPage):
    permission = "webhooks.manage"
    section = "webhooks"
    template_name = "webhooks/endpoints.html"
    filterset_class = EndpointFilter
    orders = {"url": ("url",), "created": ("created_at",), "failure": ("health__last_failure_at",)}
    export_name = "webhook-endpoints"
    columns = [
        ("id", lambda one: one.pk),
        ("url", lambda one: one.url),
        ("description", lambda one: one.description),
        ("events", lambda one: " ".join(one.events)),
        ("status", lambda one: one.standing.label),
        ("deliveredRequests24h", lambda one: one.pace.good if one.pace else 0),
        ("failedRequests24h", lambda one: one.pace.bad if one.pace else 0),
        ("lastFailureAtUtc", lambda one: one.pace.last_failure_at if one.pace else None),
        ("createdAtUtc", lambda one: one.created_at),
    ]

    def rows(self) -> QuerySet:
        return WebhookEndpoint.objects.filter(app=self.request.app)

    def decorate(self, records: list) -> list:
        found = paces(self.request.app, records)
        for endpoint in records:
            endpoint.pace = found.get(endpoint.pk)
            endpoint.standing = standing(endpoint, endpoint.pace)
            endpoint.events_told = events_told(endpoint)
            endpoint.is_receiver = receiver_address.app_id_at(endpoint.url) == endpoint.app_id
            endpoint.requests = endpoint.pace.good + endpoint.pace.bad if endpoint.pace else 0
        return records

    def more_context(self, page, **kwargs) -> dict:
        return {
            "form": new_form(self.request),
            "receiver_url": receiver_address.url_of(self.request.app.pk) if self.request.app.is_sandbox else "",
        }


def new_form(request: HttpRequest) -> EndpointForm:
    """An empty form. ``?to=receiver`` fills in the address of the sandbox's own test receiver."""
    app: App = request.app
    initial: dict = {"once": once.new_token(), "everything": True}
    if request.GET.get("to") == "receiver" and app.is_sandbox:
        initial |= {"url": receiver_address.url_of(app.pk), "description": "The test receiver"}
    return EndpointForm(initial=initial)


class NewEndpoint(AppPage):
    """Adds one. Its secret is in the answer to this one POST and nowhere else."""

    permission = "webhooks.manage"
    section = "webhooks"
    template_name = "webhooks/new_endpoint.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page({"form": new_form(request)})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = EndpointForm(request.POST)
        if form.is_valid():
            try:
                with once.alone(request, request.POST.get("once", "")):
                    endpoint, secret = WebhookEndpoint.objects.register(
                        request.app, **form.values, created_by=actor_of(request)
                    )
            except once.AlreadyUsed:
                messages.warning(
                    request, "That endpoint was added already. Its secret is shown only once: rotate it, if it is lost."
                )
                return redirect(self.url("webhooks"))
            except DomainError as error:
                form.refuse_domain(error)
            else:
                context = {"endpoint": endpoint, "secret": secret, "is_new": True}
                return self.page(context, template="webhooks/secret.html", status=201)
        return self.page({"form": form}, status=422)


def find(app: App, webhook_id: str) -> WebhookEndpoint:
    """One endpoint of the app. Raises ``NotFound``."""
    endpoint = WebhookEndpoint.objects.select_related("health").filter(app=app, pk=webhook_id).first()
    if endpoint is None:
        raise NotFound("webhook_not_found", "Webhook endpoint not found.")
    return endpoint
