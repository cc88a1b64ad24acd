"""The tab that sends an example of any event through the real pipeline."""

import json

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta.errors import DomainError
from incenta.events.catalogue import EVENT_TYPES

from ..models import WebhookDelivery
from .endpoint_pages import OfEndpoint, is_fragment
from .words import event_groups


class TryEndpoint(OfEndpoint):
    """``?event=`` shows that type's example; POST sends it once, without retries, and leads to the delivery."""

    tab = "test"
    template_name = "webhooks/trying.html"

    def get(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        self.open(webhook_id)
        context = self.example(request.GET.get("event", ""))
        if is_fragment(request):
            return self.page(context, template="webhooks/trying.html#example")
        return self.show(context)

    def post(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        self.open(webhook_id)
        context = self.example(request.POST.get("event", ""))
        if context["kind"].name != request.POST.get("event"):
            return self.show(context | {"error": "Choose one of the events."}, status=422)
        try:
            with transaction.atomic():
                delivery = WebhookDelivery.objects.send_test(self.endpoint, context["kind"].name)
        except DomainError as error:
            return self.show(context | {"error": error.message}, status=422)
        return redirect(self.url("webhook_delivery", delivery.pk))

    def example(self, name: str) -> dict:
        """A type that the endpoint asks for, where none is named."""
        wanted = next((each for each in self.endpoint.events if each in EVENT_TYPES), "REWARD_CREATED")
        kind = EVENT_TYPES.get(name) or EVENT_TYPES[wanted]
        return {
            "kind": kind,
            "groups": event_groups(),
            "example": json.dumps(kind.example, indent=2, ensure_ascii=False),
            "endpoint": self.endpoint,
            "is_wanted": self.endpoint.wants(kind.name),
        }
