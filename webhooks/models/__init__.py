"""Webhooks: endpoints with their secrets and health; messages, their deliveries, and each delivery's attempts."""

from .attempt import WebhookAttempt
from .count import PumpCount
from .delivery import State, Trigger, WebhookDelivery
from .endpoint import WebhookEndpoint
from .health import EndpointHealth, EndpointHour
from .message import WebhookBody, WebhookMessage
from .pump import Pump
from .receiver import HookReceiver, ReceivedHook
from .replay import WebhookReplay
from .secret import WebhookSecret

__all__ = [
    "EndpointHealth",
    "EndpointHour",
    "HookReceiver",
    "Pump",
    "PumpCount",
    "ReceivedHook",
    "State",
    "Trigger",
    "WebhookAttempt",
    "WebhookBody",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookMessage",
    "WebhookReplay",
    "WebhookSecret",
]
