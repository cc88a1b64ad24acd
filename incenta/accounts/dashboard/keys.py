"""API keys: listed, made, shown once, rolled, revoked."""

from datetime import timedelta

import django_filters
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from incenta.accounts import audit
from incenta.accounts.forms import KeyForm, RollForm
from incenta.accounts.models import ApiKey, App
from incenta.dashboard import once
from incenta.dashboard.access import actor_of
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action, AppPage
from incenta.errors import DomainError, NotFound

from .snippets import snippets

STATES = [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked")]
KINDS = [("server", "Server"), ("browser", "Browser"), ("till", "Till")]
SCOPES = {
    "server": [ApiKey.Scope.FULL, ApiKey.Scope.READ],
    "browser": [ApiKey.Scope.PUBLISHABLE],
    "till": [ApiKey.Scope.POS],
}
REACHES = {
    ApiKey.Scope.FULL: "reads and writes everything",
    ApiKey.Scope.READ: "reads, changes nothing",
    ApiKey.Scope.PUBLISHABLE: "stands in web pages, from allowed domains only",
    ApiKey.Scope.POS: "checks and fulfils codes at a till, nothing else",
}


class KeyFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search")
    state = django_filters.MultipleChoiceFilter(
        choices=STATES, method="in_state", label="Status", widget=CheckboxSelectMultiple
    )
    kind = django_filters.MultipleChoiceFilter(
        choices=KINDS, method="of_kind", label="Kind", widget=CheckboxSelectMultiple
    )

    class Meta:
        model = ApiKey
        fields = ["q", "state", "kind"]

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(name__icontains=value) | Q(last4=value) | Q(pk=value))

    def of_kind(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        return rows.filter(scope__in=[scope for value in values for scope in SCOPES[value]])

    def in_state(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        now = timezone.now()
        is_expired = Q(expires_at__lte=now)
        wanted = {
            "revoked": Q(revoked_at__isnull=False),
            "expired": Q(revoked_at=None) & is_expired,
            "active": Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now)),
        }
        found = Q()
        for value in values:
            found |= wanted[value]
        return rows.filter(found)


def state_of(key: ApiKey) -> str:
    """``active``, ``expired`` or ``revoked``."""
    if key.revoked_at:
        return "revoked"
    return "active" if key.is_usable else "expired"


class Keys(ListPage):
    permission = "keys.manage"
    section = "keys"
    template_name = "accounts/keys.html"
    filterset_class = KeyFilter
    orders = {"name": ("name",), "created": ("created_at",), "used": ("last_used_at",), "expires": ("expires_at",)}
    export_name = "api-keys"
    columns = [
        ("id", lambda key: key.pk),
        ("name", lambda key: key.name),
        ("scope", lambda key: key.scope),
        ("key", lambda key: f"{key.prefix}…{key.last4}"),
        ("status", state_of),
        ("createdAtUtc", lambda key: key.created_at),
        ("lastUsedAtUtc", lambda key: key.last_used_at),
        ("lastUsedIp", lambda key: key.last_used_ip),
        ("expiresAtUtc", lambda key: key.expires_at),
        ("revokedAtUtc", lambda key: key.revoked_at),
        ("replacedBy", lambda key: key.replaced_by_id),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.api_keys.select_related("created_by")

    def decorate(self, records: list) -> list:
        for key in records:
            key.state = state_of(key)
            key.state_label = dict(STATES)[key.state]
            key.reach = REACHES[ApiKey.Scope(key.scope)]
            key.is_ending = bool(key.replaced_by_id) and key.state == "active"
        return records

    def more_context(self, page, **kwargs) -> dict:
        return {"snippets": snippets(newest_campaign(self.request.app)) if page.object_list else []}


class NewKey(AppPage):
    """Makes a key. Its secret is in the answer to this one POST and nowhere else: no row, no redirect, no cookie."""

    permission = "keys.manage"
    section = "keys"
    template_name = "accounts/new_key.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page({"form": KeyForm(initial={"once": once.new_token()})})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = KeyForm(request.POST)
        if not form.is_valid():
            return self.page({"form": form}, status=422)
        told = form.cleaned_data
        try:
            with once.alone(request, told["once"]):
                key, secret = ApiKey.objects.issue(
                    request.app, told["name"], told["scope"], created_by=request.user, expires_at=form.expires_at()
                )  # fmt: skip
                audit.note(
                    "key.created", actor_of(request), app=request.app, subject=key.pk, name=key.name, scope=key.scope
                )
        except once.AlreadyUsed:
            messages.warning(
                request,
                "That key was made already, and its secret is shown only once. If it is lost, revoke the key.",
            )
            return redirect(self.url("keys"))
        except DomainError as error:
            form.add_error(None, error.message)
            return self.page({"form": form}, status=422)
        return self.page(made(request.app, key, secret), template="accounts/key_made.html", status=201)


def made(app: App, key: ApiKey, secret: str) -> dict:
    """What the page that shows a secret needs."""
    is_of_server = key.scope in SCOPES["server"]
    return {"key": key, "secret": secret, "snippets": snippets(newest_campaign(app)) if is_of_server else []}


def newest_campaign(app: App) -> str:
    """The id for snippets: of a campaign that runs, else of any, else a place to put one."""
    campaigns = app.campaigns.order_by("-declared_status", "-pk").values_list("pk", "declared_status")[:20]
    ids = {status: pk for pk, status in reversed(campaigns)}
    return ids.get("ACTIVE") or next(iter(ids.values()), "camp_…")


class RollKey(AppPage):
    """Replaces a key by a new one of the same kind. Both open the app for the overlap; the new secret is shown once."""

    permission = "keys.manage"
    section = "keys"
    template_name = "accounts/roll_key.html"

    def find(self, key_id: str) -> ApiKey:
        key = self.request.app.api_keys.filter(pk=key_id).first()
        if key is None:
            raise NotFound("key_not_found", "API key not found.")
        return key

    def get(self, request: HttpRequest, key_id: str) -> HttpResponse:
        form = RollForm(initial={"overlap": "24", "once": once.new_token()})
        return self.page({"key": self.find(key_id), "form": form})

    def post(self, request: HttpRequest, key_id: str) -> HttpResponse:
        key = self.find(key_id)
        form = RollForm(request.POST)
        if not form.is_valid():
            return self.page({"key": key, "form": form}, status=422)
        try:
            with once.alone(request, form.cleaned_data["once"]):
                new, secret = key.roll(timedelta(hours=int(form.cleaned_data["overlap"])), by=request.user)
                audit.note(
                    "key.rolled", actor_of(request), app=request.app, subject=key.pk, name=key.name, replacedBy=new.pk
                )
        except once.AlreadyUsed:
            messages.warning(
                request,
                "That key was rolled already, and the new secret is shown only once. If it is lost, roll the new key.",
            )
            return redirect(self.url("keys"))
        except DomainError as error:
            form.add_error(None, error.message)
            return self.page({"key": self.find(key_id), "form": form}, status=422)
        context = made(request.app, new, secret) | {"old": key}
        return self.page(context, template="accounts/key_made.html", status=201)


class RevokeKey(Action):
    permission = "keys.manage"
    section = "keys"

    def act(self, key_id: str) -> str:
        key = self.request.app.api_keys.filter(pk=key_id).first()
        if key is None:
            raise NotFound("key_not_found", "API key not found.")
        if key.revoked_at is None:
            key.revoke()
            audit.note("key.revoked", actor_of(self.request), app=self.request.app, subject=key.pk, name=key.name)
        return f"The key “{key.name}” is revoked. Calls that use it are refused from now on."
