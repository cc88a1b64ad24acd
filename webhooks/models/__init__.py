"""Webhooks: endpoints with their secrets and health; messages, their deliveries, and each delivery's attempts."""

from .attempt import WebhookAttempt
from .delivery import State, Trigger, WebhookDelivery
from .endpoint import WebhookEndpoint
from .health import EndpointHealth
from .message import WebhookMessage
from .secret import WebhookSecret

__all__ = [
    "EndpointHealth",
    "State",
    "Trigger",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookMessage",
    "WebhookSecret",
]
