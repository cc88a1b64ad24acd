"""The call that a log line belongs to: its id, and the request itself, which knows whose call it is."""

import logging
from contextvars import ContextVar

from django.http import HttpRequest

current: ContextVar[str] = ContextVar("request_id", default="-")
request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


class Filter(logging.Filter):
    """Gives every record ``request_id``, ``-`` outside a call."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current.get()
        return True
