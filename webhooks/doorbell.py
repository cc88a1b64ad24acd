"""Wakes the pump once deliveries are committed."""

from django.db import transaction

from incenta.events.doorbell import Doorbell

_bell = Doorbell("webhooks.drain")


def ring_on_commit() -> None:
    transaction.on_commit(_bell.ring, robust=True)
