"""Changing an app's rules: one lock, one number up, one line in the history, whatever the noun.

New rules for old users: a rule gives what is crossed from now on. How many qualify already is what ``preview`` tells; they
are given it on request only (``backfill``).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import transaction

from incenta import clock
from incenta.accounts.models import App
from incenta.database.sql import transaction_joined

from . import backfilling, book, qualifying
from .models import Rulebook, RuleChange
from .qualifying import Rule


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
                app=self.app,
                version=self.rulebook.version,
                noun=noun,
                key=key,
                before=before,
                after=after,
                actor=actor,
                created_at=self.now,
            )
        )


def for_old_users(
    app: App,
    noun: str,
    change: Callable[[], tuple[dict, str, Rule | None]],
    *,
    preview: bool = False,
    backfill: bool = False,
    actor: str = "",
) -> dict:
    """Runs a change that makes or revises a rule, and answers its face with what it means for those who qualify already.

    ``change`` answers the face, the rule's key, and the rule where it is in force. ``preview`` adds ``preview: true`` and
    ``qualifying`` (how many qualify and do not hold it), and changes nothing; ``backfill`` adds the ``backfill`` that grants it to them.
    """
    if preview:
        with transaction.atomic():
            face, _, rule = change()
            found = qualifying.count(app, rule) if rule else 0
            transaction.set_rollback(True)
        return face | {"preview": True, "qualifying": found}
    with transaction_joined():
        face, key, rule = change()
        if backfill and rule:
            face |= {"backfill": backfilling.face(backfilling.begin(app, noun, key, rule, actor=actor))}
    return face
