"""Bells: what is due stands in rows, so a task may be lost, repeated or late."""

from celery import shared_task

from . import maturing, stats


@shared_task(name="referrals.sweep_rewards")
def sweep_rewards() -> None:
    """Completes, expires and releases the rewards whose time has come."""
    maturing.sweep_all()


@shared_task(name="referrals.complete_rewards")
def complete_rewards() -> None:
    """Completes the rewards that complete themselves and that nothing holds."""
    maturing.complete_all()


@shared_task(name="referrals.fold_stats")
def fold_stats() -> None:
    """Folds what the figures have pending into their totals."""
    while stats.fold() >= stats.MOST_FOLDED:
        pass
