"""What a user decides for himself: the zone of his days, and whether boards show him."""

from django.db import DataError, transaction

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import InvalidInput

from . import balances, boards, ledger
from . import book as rulebook
from .models import Standing


def of(app: App, user_id: str) -> dict:
    """The user's settings and standing; those of everybody for a user who is not known."""
    standing = app.standings.filter(user_id=user_id).first()
    return {"userId": user_id} | balances.standing_face(rulebook.current(app), standing, clock.now(app))


def revise(app: App, user_id: str, *, timezone: str | None = None, visible: bool | None = None) -> dict:
    """Sets the zone (empty: the app's) and whether boards show the user; ``None``: as it is. Answers as ``of``.

    The streak goes on from the day it had; days are those of the new zone from now on.
    Raises ``InvalidInput`` for a zone that the database does not know: it reckons with them too.
    """
    if timezone:
        try:
            with transaction.atomic():
                sql.row("SELECT now() AT TIME ZONE %(zone)s", {"zone": timezone})
        except DataError:
            raise InvalidInput({"timezone": [f"The time zone {timezone} is not known here."]}) from None
    with sql.transaction_joined():
        ledger.lock(app, [user_id])
        standing, _ = Standing.objects.get_or_create(
            app=app, user_id=user_id, defaults={"freezes": rulebook.current(app).freezes}
        )
        if timezone is not None:
            standing.timezone = timezone
        if visible is not None and visible != standing.visible:
            standing.visible = visible
            boards.show(app, user_id, visible)
        standing.save(update_fields=["timezone", "visible"])
    return of(app, user_id)
