"""The schedule: never earlier than promised, at most a tenth later, and the receiver may ask for twice the wait."""

from datetime import UTC, datetime

import pytest

from webhooks import retries

PROMISED_S = [60, 300, 900, 3600, 7200]
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999999])
def test_five_retries_are_never_early_and_at_most_a_tenth_late(chance):
    waits = [retries.wait_s(failures, None, lambda: chance) for failures in range(1, 6)]

    for promised, wait in zip(PROMISED_S, waits, strict=True):
        assert promised <= wait <= promised * 1.10


def test_the_sixth_failure_is_the_last():
    assert retries.wait_s(6, None, lambda: 0) is None
    assert retries.REQUESTS == 6


@pytest.mark.parametrize(
    ("asked", "wait"),
    [(1, 300), (300, 300), (450, 450), (600, 600), (601, 600), (10 * 365 * 86400, 600), (None, 300)],
)
def test_retry_after_is_honoured_up_to_twice_the_wait(asked, wait):
    assert retries.wait_s(2, asked, lambda: 0) == wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("Mon, 23 Nov 2026 09:10:00 GMT", 600),
        ("Mon, 23 Nov 2026 08:00:00 GMT", None),
        ("9" * 400, 999999999999),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("١٢", None),
        ("Mon, 99 Nov 2026 09:10:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_or_ignored(header, seconds):
    assert retries.parse_retry_after(header, NOW) == seconds
