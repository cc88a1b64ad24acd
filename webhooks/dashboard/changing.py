"""The settings tab: where an endpoint is, what it is told, its secrets and keys; paused, resumed, deleted."""

import json
from datetime import timedelta

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from incenta.dashboard import once
from incenta.errors import DomainError

from ..models import WebhookEndpoint, WebhookSecret
from .endpoint_pages import EndpointAction, OfEndpoint
from .endpoints import EndpointForm

OVERLAPS = [
    ("24", "24 hours: time to put the new one in place"),
    ("1", "1 hour"),
    ("0", "None: the old one has leaked, and stops at once"),
]


class ChangeForm(EndpointForm):
    payload_filter = forms.CharField(
        label="Payload filter",
        max_length=10_000,
        help_text='JSON. Empty: everything that happens. <code>{"currency": "NPR"}</code> sends only what is in NPR.',
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
    )
    spelling = {"filter": "payload_filter"}

    def sent(self) -> dict:
        body = super().sent()
        if "payloadFilter" in body:
            body["filter"] = body.pop("payloadFilter")
        return body

    def clean_payload_filter(self) -> dict | str:
        text = self.cleaned_data["payload_filter"].strip()
        try:
            return json.loads(text) if text else {}
        except ValueError as error:
            raise forms.ValidationError(f"Is not JSON: {error}.") from None


class Settings(OfEndpoint):
    tab = "settings"
    template_name = "webhooks/settings.html"

    def get(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        self.open(webhook_id)
        return self.show(self.secrets() | {"form": ChangeForm(initial=initial_of(self.endpoint))})

    def post(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        self.open(webhook_id)
        form = ChangeForm(request.POST)
        if form.is_valid():
            try:
                with transaction.atomic():
                    self.endpoint.change(**form.values)
            except DomainError as error:
                form.refuse_domain(error)
                self.open(webhook_id)  # as it is, not as was asked for
            else:
                messages.success(request, "Saved. It counts for what happens from now on.")
                return redirect(self.url("webhook_settings", webhook_id))
        return self.show(self.secrets() | {"form": form}, status=422)

    def secrets(self) -> dict:
        """The live secrets and keys, newest first, without their texts."""
        live = list(self.endpoint.secrets.live().order_by("-created_at", "-id"))
        shared = [secret for secret in live if secret.kind == WebhookSecret.Kind.HMAC]
        return {
            "secrets": shared,
            "keys": [secret for secret in live if secret.kind == WebhookSecret.Kind.ED25519],
            "can_promote": len(shared) > 1 and not shared[0].is_primary,
        }


def initial_of(endpoint: WebhookEndpoint) -> dict:
    return {
        "url": endpoint.url,
        "description": endpoint.description,
        "everything": "*" in endpoint.events,
        "events": [name for name in endpoint.events if name != "*"],
        "payload_filter": json.dumps(endpoint.payload_filter, indent=2, ensure_ascii=False)
        if endpoint.payload_filter
        else "",
    }


class RotateForm(forms.Form):
    overlap = forms.ChoiceField(
        label="How long the present secret signs on", choices=OVERLAPS, widget=forms.RadioSelect
    )
    once = forms.CharField(widget=forms.HiddenInput, required=False, max_length=once.LONGEST)


class RotateSecret(OfEndpoint):
    """A new secret, shown in the answer to this one POST."""

    tab = "settings"
    template_name = "webhooks/rotate.html"

    def get(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        self.open(webhook_id)
        return self.show({"form": RotateForm(initial={"overlap": "24", "once": once.new_token()})})

    def post(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        self.open(webhook_id)
        form = RotateForm(request.POST)
        if form.is_valid():
            overlap = timedelta(hours=int(form.cleaned_data["overlap"]))
            try:
                with once.alone(request, form.cleaned_data["once"]):
                    secret = self.endpoint.rotate_secret(overlap)
            except once.AlreadyUsed:
                messages.warning(request, "The secret was rotated already, and the new one is shown only once.")
                return redirect(self.url("webhook_settings", webhook_id))
            except DomainError as error:
                form.add_error(None, error.message)
            else:
                context = {
                    "endpoint": self.endpoint,
                    "secret": secret,
                    "ends_at": timezone.now() + overlap if overlap else None,
                }
                return self.page(context, template="webhooks/secret.html", status=201)
        return self.show({"form": form}, status=422)


class PromoteSecret(EndpointAction):
    to = "webhook_settings"

    def act(self, webhook_id: str) -> str:
        self.find(webhook_id).promote_secret()
        return "X-Webhook-Signature is made with the newest secret from now on."


class NewKey(EndpointAction):
    """Turns Ed25519 on, or makes the next key."""

    to = "webhook_settings"

    def act(self, webhook_id: str) -> str:
        self.find(webhook_id).new_key()
        return "Every request carries a v1a signature from now on. The public key stands below."


class DropKeys(EndpointAction):
    to = "webhook_settings"

    def act(self, webhook_id: str) -> str:
        self.find(webhook_id).drop_keys()
        return "Ed25519 is off."


class Pause(EndpointAction):
    def act(self, webhook_id: str) -> str:
        self.find(webhook_id).change(active=False)
        return "It is paused. What waits is kept for it."


class Resume(EndpointAction):
    def act(self, webhook_id: str) -> str:
        self.find(webhook_id).change(active=True)
        return "It is resumed, and what was kept is on its way. Replay missing sends what happened meanwhile."


class DeleteEndpoint(EndpointAction):
    def act(self, webhook_id: str) -> str:
        endpoint = self.find(webhook_id)
        endpoint.remove()
        return f"{endpoint.url} is deleted. Nothing is sent there any more."

    def back(self, webhook_id: str) -> str:
        return self.url("webhooks")
