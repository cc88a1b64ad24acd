"""API keys: listed, made, shown once, revoked."""

import secrets

import django_filters
from django.contrib import messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from incenta.accounts.forms import KeyForm
from incenta.accounts.models import ApiKey
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action, AppPage
from incenta.errors import DomainError, NotFound

STATES = [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked")]
REMEMBERED = 10


class KeyFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search")
    state = django_filters.MultipleChoiceFilter(
        choices=STATES, method="in_state", label="Status", widget=CheckboxSelectMultiple
    )

    class Meta:
        model = ApiKey
        fields = ["q", "state"]

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(name__icontains=value) | Q(last4=value) | Q(pk=value))

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
    ]

    def rows(self) -> QuerySet:
        return self.request.app.api_keys.select_related("created_by")

    def decorate(self, records: list) -> list:
        for key in records:
            key.state = state_of(key)
            key.state_label = dict(STATES)[key.state]
        return records


class NewKey(AppPage):
    """Makes a key. Its secret is in the answer to this one POST and nowhere else: no row, no redirect, no cookie."""

    permission = "keys.manage"
    section = "keys"
    template_name = "accounts/new_key.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page({"form": KeyForm(initial={"once": secrets.token_urlsafe(16)})})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = KeyForm(request.POST)
        if not form.is_valid():
            return self.page({"form": form}, status=422)
        once = form.cleaned_data["once"]
        made = request.session.get("keys_made", [])
        if once and once in made:  # the browser reloaded the page that showed the secret
            messages.warning(
                request,
                "That key was made already, and its secret is shown only once. If it is lost, revoke the key.",
            )
            return redirect(self.url("keys"))
        told = form.cleaned_data
        try:
            with transaction.atomic():
                key, secret = ApiKey.objects.issue(
                    request.app, told["name"], told["scope"], created_by=request.user, expires_at=form.expires_at()
                )  # fmt: skip
        except DomainError as error:
            form.add_error(None, error.message)
            return self.page({"form": form}, status=422)
        if once:
            request.session["keys_made"] = [*made, once][-REMEMBERED:]
        return self.page({"key": key, "secret": secret}, template="accounts/key_made.html", status=201)


class RevokeKey(Action):
    permission = "keys.manage"
    section = "keys"

    def act(self, key_id: str) -> str:
        key = self.request.app.api_keys.filter(pk=key_id).first()
        if key is None:
            raise NotFound("key_not_found", "API key not found.")
        key.revoke()
        return f"The key “{key.name}” is revoked. Calls that use it are refused from now on."
