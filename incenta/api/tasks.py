"""Housekeeping of the plumbing's own tables."""

from celery import shared_task

from incenta.api import idempotency, metering, request_log


@shared_task(name="api.purge")
def purge() -> dict[str, int]:
    """Drops what is past its time: request log, stored answers, minutes of metering. Safe to run twice."""
    return {"requestLog": request_log.purge(), "idempotency": idempotency.purge(), "allotments": metering.purge()}
