"""Bells for the dispatcher."""

from celery import shared_task

from .dispatch import dispatch as dispatch_events


@shared_task(name="events.dispatch")
def dispatch() -> None:
    """Acts on the events that nobody has acted on."""
    dispatch_events()
