"""What the processes log: in production one JSON object a line, which says whose call it was and never what was secret in it.

``{"at", "level", "logger", "message", "process"}``, and where they are known ``requestId``, ``app``, ``key`` (the prefix and last four
of the API key), ``user`` (who is signed in, by number), ``task`` and ``taskId`` (Celery's), ``exception`` (the whole trace).
"""

import logging
from typing import Any

import structlog
from celery import current_task

from incenta.api import request_id
from incenta.masking import masked


def in_whose_name(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Adds whose work the line is about."""
    record = line.get("_record")
    known = request_id.current.get()
    if known == "-" and record is not None:
        known = getattr(record, "request_id", "-")
    if known != "-":
        line["requestId"] = known
    if (request := request_id.request.get()) is not None:
        # only what has been found out already: a log line asks no database
        known_of = request.__dict__
        if (app := known_of.get("app")) is not None:
            line["app"] = app.pk
        if (key := known_of.get("api_key")) is not None:
            line["key"] = f"{key.prefix}…{key.last4}"
        if (user := known_of.get("_cached_user")) is not None and user.pk:
            line["user"] = user.pk
    if current_task:
        line |= {"task": current_task.name, "taskId": current_task.request.id}
    return line


def without_secrets(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Masks secrets, e-mail addresses and telephone numbers, wherever they stand."""
    return {
        name: masked(value) if isinstance(value, str) and name not in ("requestId", "app", "key", "taskId") else value
        for name, value in line.items()
    }


def in_order(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    """The words of the line, in the order in which one reads them."""
    first = {name: line.pop(name) for name in ("at", "level", "logger", "event") if name in line}
    return {("message" if name == "event" else name): value for name, value in first.items()} | line


def process(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    if (record := line.get("_record")) is not None:
        line["process"] = record.process
    return line


def json_formatter() -> logging.Formatter:
    """For ``LOGGING``: what is logged in Python's own way, and by structlog, as a line of JSON."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        ],
        processors=[
            in_whose_name,
            process,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            without_secrets,
            in_order,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )


class PlainFormatter(logging.Formatter):
    """A line to be read by a person, without secrets all the same."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))
