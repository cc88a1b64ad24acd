"""Where tests of time happen: the sandbox, whose clock stands still until it is moved."""

from datetime import datetime

from incenta.accounts.models import App
from tests.cast import Caller

START = "2026-03-01T12:00:00Z"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def at(sandbox: Caller, text: str) -> None:
    """It is that moment now in the sandbox."""
    App.objects.filter(pk=sandbox.app.pk).update(clock_frozen_at=moment(text))
    sandbox.app.refresh_from_db()
