"""What a merchant sets for an app, and how an app is paused, resumed and closed. Every change leaves a line in the audit log."""

import re
from typing import Any

from django.utils import timezone

from incenta.database import sql
from incenta.errors import Conflict

from . import audit
from .models import ApiKey, App, Merchant

FIELDS = ("name", "currency", "timezone", "allowed_domains", "trusts_forwarded_for", "allows_negative_points")
MOST_DOMAINS = 50
_DOMAIN = re.compile(
    r"(?:https?://)?(?:\*\.)?(?=.{1,253}(?::|$))[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9](?:[a-z0-9-]{0,62}))*(?::\d{1,5})?"
)


def domains_of(text: str) -> tuple[list[str], list[str]]:
    """``(domains, what is none)`` from lines or a comma-separated text: ``shop.example.com``, ``*.example.com``, ``localhost:3000``,
    ``https://shop.example.com``. Without repetition, in their order."""
    told = [word.rstrip("/").lower() for word in re.split(r"[\s,]+", text) if word]
    good = list(dict.fromkeys(word for word in told if _DOMAIN.fullmatch(word)))
    return good, [word for word in told if not _DOMAIN.fullmatch(word)]


def may_change_currency(app: App) -> bool:
    """Until anything has happened in the app: sums over all of it are told in it."""
    return not app.events.exists()


def change(app: App, values: dict[str, Any], *, by: str) -> list[str]:
    """Sets what is in ``values``, of ``FIELDS``. Answers the names of what changed.

    Raises ``Conflict`` ``currency_in_use`` once something has happened in the app.
    """
    with sql.transaction_joined():
        app = App.objects.select_for_update(of=("self",)).select_related("merchant").get(pk=app.pk)
        before = {name: getattr(app, name) for name in FIELDS if name in values and getattr(app, name) != values[name]}
        if "currency" in before and not may_change_currency(app):
            raise Conflict("currency_in_use", "Something has happened in this app already: its currency stays.")
        if not before:
            return []
        for name in before:
            setattr(app, name, values[name])
        app.save(update_fields=list(before))
        changed = {name: [was, values[name]] for name, was in before.items()}
        audit.note("app.changed", by, app=app, subject=app.pk, changed=changed)
        return list(before)


def rename(merchant: Merchant, name: str, *, by: str) -> bool:
    """Gives the organisation another name; answers whether it is another one."""
    with sql.transaction_joined():
        merchant = Merchant.objects.select_for_update(of=("self",)).get(pk=merchant.pk)
        if merchant.name == name:
            return False
        before, merchant.name = merchant.name, name
        merchant.save(update_fields=["name"])
        audit.note("merchant.renamed", by, merchant=merchant, subject=merchant.pk, changed={"name": [before, name]})
        return True


def _move(app: App, before: str, after: str, deed: str, by: str, refusal: str) -> None:
    """The status in the row decides: the operator's word is not undone by a merchant's."""
    with sql.transaction_joined():
        app = App.objects.select_for_update(of=("self",)).select_related("merchant").get(pk=app.pk)
        if app.status != before:
            raise Conflict("wrong_status", refusal)
        app.status = after
        app.save(update_fields=["status"])  # not a bare update: whoever keeps keys in memory hears of it
        audit.note(deed, by, app=app, subject=app.pk)


def pause(app: App, *, by: str) -> None:
    """Refuses every call from now on. Raises ``Conflict`` ``wrong_status`` unless the app is active."""
    _move(app, App.Status.ACTIVE, App.Status.PAUSED, "app.paused", by, "This app is not active.")


def resume(app: App, *, by: str) -> None:
    """Takes calls again. Raises ``Conflict`` ``wrong_status`` unless its merchant paused it."""
    _move(app, App.Status.PAUSED, App.Status.ACTIVE, "app.resumed", by, "This app was not paused by you.")


def close(app: App, *, by: str) -> None:
    """Ends a live app and its sandbox for good: every key is revoked, what is stored stays. Repeating it changes nothing.

    Raises ``Conflict`` ``wrong_status`` for a sandbox, which ends with its live app, and while the operator suspends the app.
    """
    with sql.transaction_joined():
        app = App.objects.select_for_update(of=("self",)).select_related("merchant").get(pk=app.pk)
        if app.is_sandbox:
            raise Conflict("wrong_status", "A sandbox is closed with its live app.")
        if app.status == App.Status.SUSPENDED:
            raise Conflict("wrong_status", "The operator has suspended this app; please write to the operator.")
        if app.status == App.Status.CLOSED:
            return
        both = [app, app.sandbox]
        ApiKey.objects.filter(app__in=both, revoked_at=None).update(revoked_at=timezone.now())
        for one in both:
            one.status = App.Status.CLOSED
            one.save(update_fields=["status"])
        audit.note("app.closed", by, app=app, subject=app.pk)
