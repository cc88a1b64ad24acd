"""What the pages say about endpoints, deliveries and attempts, in words."""

from dataclasses import dataclass
from datetime import datetime

from incenta.events.catalogue import EVENT_TYPES

from ..models import State, WebhookEndpoint
from ..models.endpoint import EVERYTHING
from ..pace import EndpointPace

ERRORS = {
    "redirect": "It answered with a redirect, which is never followed",
    "timeout": "No answer in time",
    "dns": "The host’s name was not found",
    "tls": "No secure connection: the certificate or its TLS is not right",
    "blocked": "It leads to an address that is not allowed",
    "connection": "Could not connect",
    "disconnected": "The connection was closed before an answer came",
    "protocol": "What came back was not HTTP",
    "abandoned": "Our worker died under it",
    "fault": "A fault of ours",
}
"""``Outcome.error`` and our own troubles, in words; ``status`` is told by its number."""

GROUPS = (
    ("REFERRAL_", "Referrals"),
    ("REWARD_", "Rewards"),
    ("INCENTIVE_", "Incentives"),
    ("MARKETPLACE_", "Marketplace"),
    ("FRAUD_", "Fraud"),
    ("", "Everything else"),
)


def event_groups() -> list[tuple[str, list]]:
    """The catalogue as people choose from it: (heading, types)."""
    left = list(EVENT_TYPES.values())
    groups = []
    for start, heading in GROUPS:
        found = [kind for kind in left if kind.name.startswith(start)]
        left = [kind for kind in left if kind not in found]
        if found:
            groups.append((heading, found))
    return groups


def events_told(endpoint: WebhookEndpoint) -> str:
    """``all 27 events``, ``2 of 27 events``"""
    if EVERYTHING in endpoint.events:
        return f"all {len(EVENT_TYPES)} events"
    return f"{len(endpoint.events)} of {len(EVENT_TYPES)} events"


def outcome(status: int | None, error: str | None) -> str:
    """Why a request failed, or that it did not."""
    if error == "status":
        return f"It answered {status}"
    if error:
        return ERRORS.get(error, error)
    return f"It answered {status}" if status else ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an endpoint stands: a word for the badge, its colour's name, and what it means for what is sent."""

    value: str
    label: str
    sentence: str = ""
    advice: str = ""
    until: datetime | None = None
    """When the next request may go out, where that is not at once."""


def standing(endpoint: WebhookEndpoint, pace: EndpointPace | None) -> Standing:
    """In words that say what happens next and what to do."""
    if not endpoint.is_active:
        return _disabled(endpoint)
    if pace is None or not (pace.last_success_at or pace.last_failure_at):
        return Standing("scheduled", "Not used yet", "Nothing has been sent to it yet.", "Send an example to try it.")
    if pace.breaker != "closed":
        probing = pace.breaker == "half_open"
        return Standing(
            "flagged",
            "Asking" if probing else "Waiting",
            "One request is asking whether it is well again. The rest waits and loses no try."
            if probing
            else "It failed so often in a row that nothing is sent for now. What waits loses no try.",
            "Look at the latest failed delivery for the reason.",
            None if probing else pace.next_probe_at,
        )
    if pace.consecutive_failures:
        times = (
            "The latest request"
            if pace.consecutive_failures == 1
            else f"The latest {pace.consecutive_failures:,} requests"
        )
        return Standing(
            "held", "Failing", f"{times} failed. Each delivery is tried six times over three and a half hours.",
            "Look at the latest failed delivery for the reason.",
        )  # fmt: skip
    if pace.lane == "suspect":
        return Standing(
            "held", "Slow",
            "It answers slowly, so it gets one request at a time, and others do not wait for it.",
            "Answer first and work afterwards: a 2xx within a second keeps everything quick.",
        )  # fmt: skip
    return Standing("active", "Healthy")


MEANWHILE = (
    "What was waiting is kept, and sent when it is resumed. What happens meanwhile is not: replay what is missing then."
)


def _disabled(endpoint: WebhookEndpoint) -> Standing:
    if endpoint.disabled_reason == WebhookEndpoint.Disabled.GONE:
        return Standing(
            "rejected",
            "Disabled",
            f"The receiver answered 410 Gone, which asks us to stop. {MEANWHILE}",
            "Correct the URL or the receiver, then resume.",
        )
    if endpoint.disabled_reason == WebhookEndpoint.Disabled.FAILING:
        return Standing(
            "rejected",
            "Disabled",
            f"Nothing but failures for three days, so sending has stopped. {MEANWHILE}",
            "Put the receiver right, resume, and recover what failed before.",
        )
    return Standing("paused", "Paused", f"Somebody paused it. {MEANWHILE}")


DELIVERY_STATES = {
    State.PENDING: ("pending", "Waiting"),
    State.LEASED: ("scheduled", "Being sent"),
    State.DELIVERED: ("active", "Delivered"),
    State.FAILED: ("rejected", "Failed"),
    State.HELD: ("paused", "Kept"),
    State.QUARANTINED: ("flagged", "Set aside"),
}
"""State → the badge's colour name and word."""

TRIGGERS = {"auto": "", "manual": "sent again", "replay": "replay", "test": "example"}
