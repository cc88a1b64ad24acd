"""Bells: what is due stands in rows, so a task may be lost, repeated or late."""

from celery import shared_task

from . import backtesting


@shared_task(name="fraud.run_backtests")
def run_backtests() -> None:
    """Goes on with the backtests that are asked for."""
    backtesting.run_all()
