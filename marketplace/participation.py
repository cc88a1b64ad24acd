"""Who may spend where: whether an app's users may spend in the marketplace, at whom, and what the app agrees to owe for it."""

from decimal import Decimal

from django.db.models import Q, QuerySet

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import InvalidInput

from .models import Participation, Profile, ProfileStatus

NAMES = {
    "joined": "joined",
    "allowedBusinesses": "allowed",
    "blockedBusinesses": "blocked",
    "countries": "countries",
    "maxPerCoin": "most_a_coin",
    "maxPerToken": "most_a_token",
}
"""What the API calls the fields."""


def of(app: App) -> Participation:
    """What the app has settled, or what it would be: an app that has settled nothing is outside, and has no row."""
    return Participation.objects.filter(app=app).first() or Participation(app=app, updated_at=app.created_at)


def face(app: App, participation: Participation) -> dict:
    shown = {name: getattr(participation, field) for name, field in NAMES.items()}
    for name in ("maxPerCoin", "maxPerToken"):
        shown[name] = rate_number(shown[name])
    return shown | {"currency": app.currency, "updatedAt": clock.iso(participation.updated_at)}


def rate_number(rate: Decimal | None) -> int | float | None:
    """A rate as the JSON number that prints shortest."""
    if rate is None:
        return None
    return int(rate) if rate == int(rate) else float(rate)


def revise(app: App, changes: dict) -> Participation:
    """Changes what is sent, under the model's names. Raises ``InvalidInput`` for a business that is not there."""
    with sql.transaction_joined():
        App.objects.select_for_update(no_key=True).get(pk=app.pk)
        found = of(app)
        for name, field in NAMES.items():
            if field in ("allowed", "blocked") and field in changes:
                changes = changes | {field: _known(app, name, changes[field], getattr(found, field))}
        for field, value in changes.items():
            setattr(found, field, value)
        found.updated_at = clock.now(app)
        found.save()
    return found


def _known(app: App, name: str, wanted: list[str], had: list[str]) -> list[str]:
    """The ids once each, in the order sent. One that was listed before may stay, whatever became of it."""
    wanted = list(dict.fromkeys(wanted))
    new = [each for each in wanted if each not in had]
    there = set(businesses(app).filter(pk__in=new).values_list("pk", flat=True)) if new else set()
    if strange := [each for each in new if each not in there]:
        raise InvalidInput({name: [f"There is no verified business {each}." for each in strange[:20]]})
    return wanted


def businesses(app: App) -> QuerySet[Profile]:
    """The verified businesses that this app's users could ever meet, before its own lists: live ones, or, for a sandbox, the
    sandboxes of the same merchant."""
    in_reach = Q(app__sandbox_of__isnull=not app.is_sandbox)
    if app.is_sandbox:
        in_reach &= Q(app__merchant_id=app.merchant_id)
    return Profile.objects.filter(in_reach, status=ProfileStatus.VERIFIED, app__status=App.Status.ACTIVE)
