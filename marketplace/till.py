"""The point of sale: a code is looked up and honoured, and whoever tries one after the other is stopped.

The API and the counter page both stand on this, so that a guesser finds no softer door.
"""

import logging

from fraud import raising
from incenta.accounts.models import App
from incenta.api import guessing
from incenta.api.guessing import Asker, TooManyGuesses
from incenta.database import sql
from incenta.errors import NotFound

from . import redemptions
from .models import Redemption

logger = logging.getLogger("marketplace")

GUESSING_POINTS = 60
"""Of a hundred: a till that broke looks alike, so somebody has a look at the key before it is revoked."""
LONGEST_CODE = 200
"""Characters that are looked at; a code has at most 64."""


def find(app: App, code: str, asker: Asker) -> Redemption:
    """The redemption that the app's own business has to honour for this code.

    Raises ``TooManyGuesses`` while the asker has to wait, and where this miss was one too many; else ``NotFound``
    ``redemption_not_found``. A miss is counted in the caller's transaction: whatever is raised, commit it.
    """
    guessing.refuse_guesser(asker)
    found = redemptions.by_code(app, code) if len(code) <= LONGEST_CODE and "\0" not in code else None
    if found is None:
        count_miss(app, asker)
        raise NotFound("redemption_not_found", "No redemption at this business has this code.")
    return found


def count_miss(app: App, asker: Asker) -> None:
    """Counts a code that is nobody's. Raises ``TooManyGuesses`` where it was one too many, and flags the key or the person."""
    try:
        guessing.count_miss(asker)
    except TooManyGuesses as refusal:
        if refusal.is_first:
            logger.warning("Codes of the marketplace are being guessed in %s by %s.", app.pk, asker.who)
            _flag(app, asker)
        raise


def _flag(app: App, asker: Asker) -> None:
    suspicion = raising.Suspicion(
        subject_type="API_KEY",
        subject_id=asker.who,
        signal="CODE_GUESSING",
        type="RATE_LIMIT_EXCEEDED",
        points=GUESSING_POINTS,
        score=GUESSING_POINTS,
        message="Asked for too many codes of the marketplace that do not exist.",
        evidence={"missesPerMinute": guessing.MISSES_PER_MINUTE, "address": asker.address},
    )
    with sql.transaction_joined():
        raising.raise_flags(app, [suspicion])


def fulfil(app: App, code: str, asker: Asker, *, order_reference: str = "", actor: str = "") -> Redemption:
    """Honours a code, once. Raises what ``find`` raises; ``Conflict`` ``already_fulfilled`` with the moment,
    ``redemption_cancelled``, ``redemption_expired``."""
    found = find(app, code, asker)
    return redemptions.fulfil(app, found.pk, order_reference=order_reference, actor=actor, repeatable=False)
