"""Wakes the pump once deliveries are committed."""

import time
from contextlib import suppress

from django.db import Error, connection, transaction

from incenta.events.doorbell import Doorbell

from .models import count

TELLING_PAUSE_S = 5.0


class CountingDoorbell(Doorbell):
    """Counts in the database what the broker did not take, for whoever watches. The bell's own thread writes it down."""

    _told, _told_at = 0, 0.0

    def _publish(self) -> None:
        try:
            super()._publish()
        except Exception:
            self._tell(self.errors + 1 - self._told)  # this one is counted by the caller
            raise

    def _tell(self, errors: int) -> None:
        if time.monotonic() - self._told_at < TELLING_PAUSE_S:
            return
        self._told_at = time.monotonic()
        with suppress(Error):
            try:
                count.add({("doorbell_errors", ""): errors})
                self._told += errors
            finally:
                connection.close()  # the thread's own, which nobody else would close


_bell = CountingDoorbell("webhooks.drain")


def ring_on_commit() -> None:
    transaction.on_commit(_bell.ring, robust=True)
