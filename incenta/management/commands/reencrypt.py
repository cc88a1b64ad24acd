"""``manage.py reencrypt``: after a key was added, everything that is encrypted at rest is put under the newest one."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from incenta.accounts import second_factors
from incenta.accounts.models import App
from incenta.encryption import renewed
from webhooks import receiver_address
from webhooks.models import WebhookEndpoint

BATCH = 500
KEPT: dict[str, tuple[str, str, dict]] = {
    "webhook secrets": ("webhooks.WebhookSecret", "sealed", {}),
    "signing secrets": ("widgets.SigningSecret", "sealed", {}),
    "what was seen of people": ("fraud.Sighting", "raw", {"raw__isnull": False}),
    "files of fraud cases": ("fraud.AttachmentContent", "sealed_key", {}),
    "answers kept for replay": ("api.IdempotencyRecord", "body", {"is_encrypted": True}),
}
"""What is encrypted at rest: model, column, which rows. Second factors are too (``incenta.accounts.second_factors``), and for the
seconds until a page shows it a session holds a secret."""


@dataclass
class Found:
    renewed: int = 0
    already: int = 0
    unreadable: list = field(default_factory=list)


class Command(BaseCommand):
    help = (
        "Encrypts everything at rest anew, under the newest key. May be killed and repeated, while the installation runs. "
        "Once it finds nothing old, the former keys may go from INCENTA_ENCRYPTION_KEYS and SECRET_KEY_FALLBACKS."
    )

    def add_arguments(self, parser):
        parser.add_argument("--check", action="store_true", help="only count what is under a former key")

    def handle(self, *args, check: bool, **options):
        old = unreadable = 0
        for name, (label, column, which) in KEPT.items():
            found = renew(apps.get_model(label).objects.filter(**which), column, write=not check)
            old, unreadable = old + found.renewed, unreadable + self._tell(name, found, check)
        found = Found(*second_factors.renew(write=not check))
        old, unreadable = old + found.renewed, unreadable + self._tell("second factors", found, check)
        moved = count_former_receivers() if check else move_receivers()
        self.stdout.write(f"{'test receivers':26} {moved:>9,} {'at a former address' if check else 'moved'}")
        if unreadable:
            raise CommandError(
                f"{unreadable} rows cannot be read: a key that is still needed was taken away. Add it again."
            )
        if check and old + moved:
            raise CommandError("Former keys are still needed: run manage.py reencrypt.")

    def _tell(self, name: str, found: Found, check: bool) -> int:
        """Answers how many rows no key reads."""
        told = "under a former key" if check else "encrypted anew"
        self.stdout.write(f"{name:26} {found.renewed:>9,} {told}, {found.already:,} under the newest")
        for key in found.unreadable[:10]:
            self.stderr.write(f"{name}: row {key} cannot be read with any present key")
        return len(found.unreadable)


def renew(rows: QuerySet, column: str, *, write: bool) -> Found:
    """Puts the column under the newest key, row by row, where somebody else has not changed it meanwhile."""
    found = Found()
    for key, text in _each(rows, column):
        try:
            new = renewed(text)
        except InvalidToken:
            found.unreadable.append(key)
            continue
        if new is None:
            found.already += 1
        elif not write or rows.filter(pk=key, **{column: text}).update(**{column: new}):
            found.renewed += 1
    return found


def _each(rows: QuerySet, column: str) -> Iterator[tuple]:
    after = None
    while True:
        some = rows.order_by("pk") if after is None else rows.filter(pk__gt=after).order_by("pk")
        batch = list(some.values_list("pk", column)[:BATCH])
        yield from batch
        if len(batch) < BATCH:
            return
        after = batch[-1][0]


def _former() -> Iterator[tuple[QuerySet, str]]:
    """The endpoints of each sandbox that lead to a former address of its test receiver, and the present one."""
    for app_id in App.objects.exclude(sandbox_of=None).order_by("pk").values_list("pk", flat=True).iterator():
        if former := receiver_address.former_urls_of(app_id):
            yield WebhookEndpoint.objects.filter(app_id=app_id, url__in=former), receiver_address.url_of(app_id)


def count_former_receivers() -> int:
    return sum(endpoints.count() for endpoints, _ in _former())


def move_receivers() -> int:
    """The address of a test receiver is signed with ``SECRET_KEY``: endpoints that lead to one follow it."""
    return sum(endpoints.update(url=url) for endpoints, url in _former())
