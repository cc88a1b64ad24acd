"""Rings: who hangs together over what, and what never connects anybody."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fraud import rings
from fraud.models import KeyKind, KeyMark, Link

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def seen(shop, user: str, kind: KeyKind, key: int, companion: int | None = None, at: datetime = NOON) -> None:
    Link.objects.create(
        app=shop.app, kind=kind, key=key, user_id=user, companion=companion, first_seen=at, last_seen=at
    )


def chain(shop, count: int, kind: KeyKind = KeyKind.DEVICE, first: int = 0) -> None:
    """Users u0, u1 … each of whom shares a key with the next."""
    for place in range(first, first + count - 1):
        seen(shop, f"u{place}", kind, place)
        seen(shop, f"u{place + 1}", kind, place)


def around(shop, user: str, **more) -> rings.Ring:
    return rings.around(shop.app, user, at=NOON + timedelta(days=1), **more)


def test_strong_keys_connect_over_three_hops(himal, rival):
    chain(himal, 10)
    chain(rival, 10)
    assert around(himal, "u0").members == ("u0", "u1", "u2", "u3")
    ring = around(himal, "u5")
    assert (ring.size, ring.step, ring.kinds) == (7, 6, ("DEVICE",))
    assert ring.linked_to("u5", ["u4", "u6", "u8"]) == {"u4", "u6"}
    assert around(himal, "nobody").members == ("nobody",)


@pytest.mark.parametrize("users", [20, 21, 300])
def test_popular_keys_connect_nobody(himal, users):
    for place in range(users):
        seen(himal, f"u{place}", KeyKind.DEVICE, 1)
    assert around(himal, "u0").size == (20 if users == 20 else 1)


def test_a_hub_that_is_marked_and_one_that_is_named_connect_nobody(himal):
    chain(himal, 3)
    assert around(himal, "u0", without={(KeyKind.DEVICE, 0)}).size == 1
    KeyMark.objects.create(app=himal.app, kind=KeyKind.DEVICE, key=1, is_hub=True, marked_at=NOON)
    assert around(himal, "u0").members == ("u0", "u1")


def test_an_address_connects_only_kin_on_one_device(himal):
    for user, companion in (("u0", 7), ("u1", 7), ("u2", 8), ("u3", None), ("u4", 7)):
        seen(himal, user, KeyKind.IP, 1, companion)
    assert around(himal, "u0").size == 1
    assert around(himal, "u0", related=["u1", "u2", "u3"]).members == ("u0", "u1")
    seen(himal, "u5", KeyKind.IP, 1, 7)
    assert around(himal, "u0", related=["u1", "u2", "u3"]).size == 1  # six on an address are an office


def test_patterns_and_what_is_long_ago_connect_nobody(himal):
    chain(himal, 3, KeyKind.EMAIL_PATTERN)
    for user in ("u0", "u1"):
        seen(himal, user, KeyKind.PHONE, 1, at=NOON - timedelta(days=200))
    assert around(himal, "u0").size == 1


@pytest.mark.parametrize(
    ("addresses", "is_apart"),
    [
        ({"u0": 1, "u1": 2, "u2": 3, "u3": 4}, True),
        ({"u0": 1, "u1": 2, "u2": 3, "u3": 1}, False),  # two of them at home
        ({"u0": 1, "u1": 2, "u2": 3}, False),  # of one nobody knows where he is
        ({}, False),
    ],
)
def test_four_who_share_and_are_never_at_one_address(himal, rival, addresses, is_apart):
    chain(himal, 4)
    for user, address in addresses.items():
        seen(himal, user, KeyKind.IP, address)
        seen(rival, user, KeyKind.IP, 1)
    seen(himal, "u0", KeyKind.IP, 9, at=NOON - timedelta(days=200))
    seen(himal, "u1", KeyKind.IP, 9, at=NOON - timedelta(days=200))
    ring = around(himal, "u1")
    assert (ring.size, ring.is_apart, ring.step) == (4, is_apart, 4 * is_apart)
    assert not around(himal, "u1", brought_by="asha").is_apart  # where she lives nobody knows
    seen(himal, "asha", KeyKind.IP, 5)
    assert around(himal, "u1", brought_by="asha").is_apart == is_apart
    seen(himal, "asha", KeyKind.IP, 2)
    assert not around(himal, "u1", brought_by="asha").is_apart  # she is at home with one of them


@pytest.mark.parametrize("count", [2, 6])
def test_of_two_and_of_many_nobody_asks_where_they_live(himal, count):
    chain(himal, count)
    for place in range(count):
        seen(himal, f"u{place}", KeyKind.IP, place)
    assert not around(himal, f"u{count // 2}").is_apart


def test_a_ring_has_at_most_five_hundred_members_and_costs_three_statements(himal):
    links = []
    for group in range(40):
        # each group of twenty shares a device, and one of it an e-mail address with everybody's friend
        links += [(f"g{group}_{place}", KeyKind.DEVICE, group) for place in range(19)]
        links += [(f"g{group}_0", KeyKind.PHONE, 1_000 + group), ("hub", KeyKind.PHONE, 1_000 + group)]
    Link.objects.bulk_create(
        [
            Link(app=himal.app, kind=kind, key=key, user_id=user, first_seen=NOON, last_seen=NOON)
            for user, kind, key in links
        ]
    )
    with CaptureQueriesContext(connection) as sent:
        ring = around(himal, "hub")
    assert (ring.size, len(sent)) == (rings.MOST_MEMBERS, 3)
