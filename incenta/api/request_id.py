"""The id of the call that a log line belongs to."""

import logging
from contextvars import ContextVar

current: ContextVar[str] = ContextVar("request_id", default="-")


class Filter(logging.Filter):
    """Gives every record ``request_id``, ``-`` outside a call."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current.get()
        return True
