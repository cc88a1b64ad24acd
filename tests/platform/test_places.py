"""A place has one holder, also behind a pooler that lends its sessions for a transaction."""

import threading

import pytest
from django.db import connection

from incenta.database import places, sql

LOCK = 0x706C61


def is_free_to_another() -> bool:
    """Asked on a connection of its own, as another process would."""
    found = []

    def ask() -> None:
        with places.held(LOCK, [0]) as is_ours:
            found.append(is_ours)
        connection.close()

    asker = threading.Thread(target=ask)
    asker.start()
    asker.join()
    return found[0]


@pytest.mark.parametrize("is_pooled", [False, True])
def test_a_place_is_one_holders_until_it_is_given_back(transactional_db, settings, is_pooled):
    settings.DATABASE_POOLED = is_pooled
    with places.held(LOCK, range(2)) as is_first, places.held(LOCK + 1, [0]):
        assert is_first
        assert not is_free_to_another()
        assert sql.row("SELECT 1") == (1,), "work goes on beside it"
    assert is_free_to_another()
    with pytest.raises(ZeroDivisionError), places.held(LOCK, [0]):
        raise ZeroDivisionError
    assert is_free_to_another()
