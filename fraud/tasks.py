"""Bells: what is due stands in rows, so a task may be lost, repeated or late."""

from celery import shared_task

from . import backtesting, deadlines, forgetting, rescoring


@shared_task(name="fraud.run_backtests")
def run_backtests() -> None:
    """Goes on with the backtests that are asked for."""
    backtesting.run_all()


@shared_task(name="fraud.decide_due_cases")
def decide_due_cases() -> None:
    """Decides what nobody decided in time, and brings back what was kept until now."""
    deadlines.decide_due_cases()


@shared_task(name="fraud.look_again")
def look_again() -> None:
    """Looks again at what is due: the second pass."""
    rescoring.run_all()


@shared_task(name="fraud.forget")
def forget() -> None:
    """Drops raw values and links to addresses whose time has come."""
    forgetting.forget_all()
