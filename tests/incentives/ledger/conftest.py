"""The ledger's tests call it in Python: ``shop`` is himal's app, ``books`` everything that is written in its books."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from incenta.accounts.models import App
from incenta.database import sql
from tests.cast import merchant

DAY = timedelta(days=1)
MORNING = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TABLES = ("incentives_wallet", "incentives_transfer", "incentives_hold", "incentives_lot")


@pytest.fixture
def shop(request) -> App:
    """himal's sandbox, its clock standing at 9 o'clock on 1 March 2026. Move it: ``shop.clock_frozen_at += …``."""
    request.getfixturevalue("transactional_db" if "transactional_db" in request.fixturenames else "db")
    app = merchant("himal").apps.get(sandbox_of__isnull=False)
    app.clock_frozen_at = MORNING
    app.save()
    return app


@pytest.fixture
def because() -> dict[str, str]:
    """What every movement must name."""
    return {"cause": "evt_because", "cause_type": "test"}


def books(app: App) -> dict[str, list[tuple]]:
    """Every row of the app's books. Equal before and after: nothing moved."""
    written = {
        table: sql.rows(f"SELECT * FROM {table} WHERE app_id = %(app)s ORDER BY id", {"app": app.id})
        for table in TABLES
    }
    uses = "SELECT u.* FROM incentives_lotuse u JOIN incentives_lot l ON l.id = u.lot_id WHERE l.app_id = %(app)s ORDER BY 1, 2, 3"
    return written | {"uses": sql.rows(uses, {"app": app.id})}


@contextmanager
def refusing(app: App, error: type[Exception], **more) -> Iterator[pytest.ExceptionInfo]:
    """Expects the error, and that not one row has changed when it is over."""
    before = books(app)
    with pytest.raises(error, **more) as refusal, transaction.atomic():
        yield refusal
    assert books(app) == before
