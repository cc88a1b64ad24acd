"""What an app says of its payouts: whether marking rewards paid takes two persons.

It has no amount from which it holds: many small rewards are as much money as a large one, and who pays could choose the size.
"""

from django.utils import timezone

from incenta.accounts import audit
from incenta.accounts.models import App, Merchant
from incenta.accounts.permissions import PERMISSIONS
from incenta.database.sql import transaction_joined
from incenta.errors import Conflict

from .models import PayoutSettings


def of(app: App) -> PayoutSettings:
    """The app's settings, or what they would be: an app that has set nothing has no row."""
    return PayoutSettings.objects.filter(app=app).first() or PayoutSettings(app=app)


def locked(app: App) -> PayoutSettings:
    """The row, for this transaction alone: one writer an app at a time."""
    PayoutSettings.objects.get_or_create(app=app)
    return PayoutSettings.objects.select_for_update().get(app=app)


def payers(merchant: Merchant) -> int:
    """How many of the team may mark rewards paid."""
    return merchant.memberships.filter(role__in=PERMISSIONS["rewards.pay"], user__is_active=True).count()


def revise(app: App, *, two_person: bool, actor: str, is_owner: bool = False) -> PayoutSettings:
    """Changes the settings; they count from the next payment on. What is proposed by then still waits for its second person.

    Raises ``Conflict`` ``second_person_needed``: what two persons guard is not opened by an admin, but by an owner; and
    ``second_person_missing`` where nobody could be the second.
    """
    with transaction_joined():
        settings = locked(app)
        if settings.two_person == two_person:
            return settings
        if not two_person and not is_owner:
            raise Conflict("second_person_needed", "Only an owner turns this off, in the dashboard.")
        if two_person and payers(app.merchant) < 2:
            raise Conflict(
                "second_person_missing",
                "Nobody else in the team may mark rewards paid: invite a second owner or admin first.",
            )
        settings.two_person = two_person
        settings.updated_at, settings.updated_by = timezone.now(), actor[:120]
        settings.save()
        audit.note(
            "payouts.changed", actor, app=app, subject=app.pk, changed={"twoPerson": [not two_person, two_person]}
        )
        return settings
