"""An app's settings of fraud: from where coins wait, from where a subject is watched, who may change the rules."""

from incenta import clock
from incenta.accounts.models import App
from incenta.errors import Conflict

from . import book
from .models import FraudChange, FraudSettings

FIELDS = ("coin_hold_at", "watch_at", "two_person", "sample_per_thousand")


def of(app: App) -> FraudSettings:
    """The app's settings, or what they would be: an app that has set nothing has no row."""
    return FraudSettings.objects.filter(app=app).first() or FraudSettings(app=app)


def face(settings: FraudSettings) -> dict:
    return _said(settings) | {
        "version": settings.version,
        "updatedAt": clock.iso(settings.updated_at),
        "updatedBy": settings.updated_by or None,
    }


def _said(settings: FraudSettings) -> dict:
    return {
        "coinHoldAt": settings.coin_hold_at,
        "watchAt": settings.watch_at,
        "twoPerson": settings.two_person,
        "samplePerThousand": settings.sample_per_thousand,
    }


def revise(app: App, changes: dict, *, actor: str, is_owner: bool = False) -> FraudSettings:
    """Changes the settings; they count from the next look on.

    Raises ``Conflict`` ``second_person_needed``: what two persons guard is not opened by an API key or an admin, but by an owner.
    """
    with book.amending(app) as amendment:
        settings = amendment.settings
        before = _said(settings)
        if settings.two_person and not changes.get("two_person", True) and not is_owner:
            raise Conflict("second_person_needed", "Only an owner turns this off, in the dashboard.")
        for name, value in changes.items():
            setattr(settings, name, value)
        after = _said(settings)
        if after != before:
            settings.updated_at, settings.updated_by = amendment.now, actor[:120]
            amendment.note(FraudChange.Noun.SETTINGS, "", "changed", actor, {"before": before, "after": after})
    return settings
