"""Changing an app's rules: one lock, one number up, one line in the history, whatever the noun."""

from collections.abc import Iterator
from contextlib import contextmanager

from incenta import clock
from incenta.accounts.models import App
from incenta.database.sql import transaction_joined

from . import book
from .models import RuleChange, Rulebook


@contextmanager
def amending(app: App) -> Iterator["Amendment"]:
    """Inside, rules may be changed and each change noted; what is noted raises the version, once for each change.

    The app's rulebook is locked meanwhile, so that a check such as "no other level has this threshold" holds.
    """
    with transaction_joined():
        Rulebook.objects.get_or_create(app=app)
        rulebook = Rulebook.objects.select_for_update().get(app=app)
        amendment = Amendment(app, rulebook)
        yield amendment
        if amendment.changes:
            rulebook.save()
            RuleChange.objects.bulk_create(amendment.changes)
            book.forget(app)


class Amendment:
    def __init__(self, app: App, rulebook: Rulebook):
        self.app, self.rulebook, self.now = app, rulebook, clock.now(app)
        self.changes: list[RuleChange] = []

    def note(self, noun: str, key: str, before: dict | None, after: dict | None, actor: str = "") -> None:
        """Notes a change of a rule, as its faces before and after; equal faces are no change."""
        if before == after:
            return
        self.rulebook.version += 1
        self.changes.append(
            RuleChange(
                app=self.app, version=self.rulebook.version, noun=noun, key=key, before=before, after=after, actor=actor, created_at=self.now
            )
        )
