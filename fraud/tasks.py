"""Bells: what is due stands in rows, so a task may be lost, repeated or late."""

from celery import shared_task

from . import backtesting, deadlines


@shared_task(name="fraud.run_backtests")
def run_backtests() -> None:
    """Goes on with the backtests that are asked for."""
    backtesting.run_all()


@shared_task(name="fraud.decide_due_cases")
def decide_due_cases() -> None:
    """Decides what nobody decided in time, and brings back what was kept until now."""
    deadlines.decide_due_cases()
