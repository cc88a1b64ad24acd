"""Points that expire: which are spent first, where they go back to, and when they are gone."""

from datetime import timedelta

import pytest
from django.db import transaction

from incentives import ledger
from incentives.ledger import SPEND
from incentives.models import Lot, Transfer
from tests.incentives.ledger.conftest import refusing

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def earn(shop, because):
    """Coins for asha that live so many days (``None``: for ever)."""

    def earn(amount, days=None, **more):
        until = shop.clock_frozen_at + days * DAY if days is not None else None
        return ledger.earn(shop, "asha", "COIN", amount, expires_at=until, **because, **more)

    return earn


def lots(shop) -> list[int]:
    """What remains in each lot, soonest-expiring first."""
    return list(Lot.objects.filter(app=shop).order_by("expires_at").values_list("remaining", flat=True))


def history(shop) -> list[tuple]:
    return list(Transfer.objects.filter(app=shop).order_by("seq").values_list("kind", "amount", "available_after"))


def test_the_soonest_expiring_are_spent_first_and_the_undated_last(shop, earn, because):
    earn(10)
    earn(10, days=30)
    earn(10, days=5)
    ledger.spend(shop, "asha", "COIN", 12, **because)
    assert lots(shop) == [0, 8]
    ledger.spend(shop, "asha", "COIN", 12, **because)
    assert lots(shop) == [0, 0]


def test_a_refund_goes_back_where_it_came_from_last_taken_first(shop, earn, because):
    earn(10)
    earn(10, days=30)
    earn(10, days=5)
    spent = ledger.spend(shop, "asha", "COIN", 25, **because)
    ledger.refund(shop, "asha", spent.id, 7, **because)  # 5 that never expire, 2 of the thirty days
    assert lots(shop) == [0, 2]
    ledger.refund(shop, "asha", spent.id, **because)
    assert lots(shop) == [10, 10]


def test_what_is_returned_too_late_is_gone_at_once(shop, earn, because):
    earn(10, days=5)
    spent = ledger.spend(shop, "asha", "COIN", 10, **because)
    shop.clock_frozen_at += 6 * DAY
    ledger.refund(shop, "asha", spent.id, **because)
    assert history(shop) == [("EARN", 10, 10), ("SPEND", 10, 0), ("REFUND", 10, 10), ("EXPIRE", 10, 0)]
    assert ledger.verify(shop)["ok"]


def test_a_released_reservation_goes_back_to_its_lots(shop, earn, because):
    earn(10, days=5)
    earn(10, days=30)
    reserved = ledger.reserve(shop, "asha", "COIN", 15, **because)
    ledger.release(shop, "asha", reserved.id, 6, **because)
    assert lots(shop) == [1, 10]
    captured = ledger.capture(shop, "asha", reserved.id, **because)
    ledger.refund(shop, "asha", captured.id, 4, **because)
    assert lots(shop) == [5, 10]


def test_nobody_spends_what_has_expired(shop, earn, because):
    earn(10, days=5)
    earn(3)
    shop.clock_frozen_at += 5 * DAY  # the moment itself is too late
    with refusing(shop, ledger.InsufficientBalance) as refusal:
        ledger.spend(shop, "asha", "COIN", 4, **because)
    assert refusal.value.details["available"] == 3
    ledger.spend(shop, "asha", "COIN", 3, **because)
    assert history(shop)[-2:] == [("EXPIRE", 10, 3), ("SPEND", 3, 0)]


def test_expiry_is_an_entry_a_lot_and_safe_to_repeat(shop, earn):
    first = earn(10, days=5)
    earn(10, days=6)
    earn(10, days=30)
    shop.clock_frozen_at += 7 * DAY
    expired = ledger.expire(shop, "asha", "COIN")
    assert [entry.amount for entry in expired] == [10, 10]
    assert expired[0].cause == first.lot.id
    assert expired[0].occurred_at == first.expires_at  # it happened then, however late the sweep
    assert ledger.expire(shop, "asha", "COIN") == []
    assert ledger.expire(shop, "nobody", "COIN") == []


def test_a_reversal_takes_its_own_lot_before_all_others(shop, earn, because):
    earn(10, days=5)
    wrong = earn(10, days=30)
    ledger.reverse(shop, "asha", "COIN", 8, reverses=wrong.id, **because)
    assert lots(shop) == [10, 2]


def test_a_reversal_of_what_was_spent_takes_other_points(shop, earn, because):
    wrong = earn(10, days=5)
    earn(10, days=30)
    ledger.spend(shop, "asha", "COIN", 10, **because)
    ledger.reverse(shop, "asha", "COIN", 8, reverses=wrong.id, **because)
    assert lots(shop) == [0, 2]


def test_a_reversal_takes_its_own_points_although_they_are_due(shop, earn, because):
    """Nobody pays with other points for a mistake whose points have run out, or would have."""
    earn(5)
    wrong = earn(10, days=5)
    shop.clock_frozen_at += 6 * DAY
    ledger.reverse(shop, "asha", "COIN", 8, reverses=wrong.id, **because)
    assert history(shop)[-2:] == [("EXPIRE", 2, 13), ("REVERSE", 8, 5)]


def test_a_debt_is_paid_before_a_lot_fills(shop, earn, because):
    shop.allows_negative_points = True
    earn(5)
    ledger.reverse(shop, "asha", "COIN", 20, **because)
    earn(25, days=5)
    assert (lots(shop), history(shop)[-1]) == ([10], ("EARN", 25, 10))
    assert ledger.verify(shop)["ok"]


def test_a_refund_pays_a_debt_before_its_lots_and_fills_the_longest_living_first(shop, earn, because):
    shop.allows_negative_points = True
    earn(10, days=5)
    earn(10, days=30)
    spent = ledger.spend(shop, "asha", "COIN", 20, **because)
    ledger.reverse(shop, "asha", "COIN", 12, **because)
    ledger.refund(shop, "asha", spent.id, **because)
    assert (lots(shop), history(shop)[-1]) == ([0, 8], ("REFUND", 20, 8))
    assert ledger.verify(shop)["ok"]


def test_the_clock_of_a_promise_starts_when_it_is_posted(shop, because):
    promise = ledger.grant(shop, "asha", "COIN", 10, **because)
    shop.clock_frozen_at += 40 * DAY
    ledger.post(shop, "asha", promise.id, expires_at=shop.clock_frozen_at + 30 * DAY, **because)
    shop.clock_frozen_at += 29 * DAY
    ledger.spend(shop, "asha", "COIN", 10, **because)


def test_an_import_of_what_has_expired_since(shop, earn):
    earn(10, days=-1)
    assert history(shop) == [("EARN", 10, 10), ("EXPIRE", 10, 0)]


def test_lots_must_be_read_before_a_debit(shop, earn, because, django_assert_num_queries):
    earn(10, days=5)
    with transaction.atomic():
        wallets = ledger.lock(shop, ["asha"])
        with refusing(shop, ledger.LotsNotLoaded):
            wallets.move("asha", SPEND, "COIN", 1, occurred_at=wallets.now, **because)
        with django_assert_num_queries(1):
            wallets.load_lots(["asha"], "COIN")
        with django_assert_num_queries(0):
            wallets.load_lots(["asha"], "COIN")
            wallets.move("asha", SPEND, "COIN", 1, occurred_at=wallets.now, **because)
        wallets.save()
    assert lots(shop) == [9]


@pytest.mark.parametrize("asset", ["GBP", "USD"])
def test_money_does_not_expire_in_the_ledger(shop, because, asset):
    with pytest.raises(ValueError):
        ledger.earn(shop, "asha", asset, 10, expires_at=shop.clock_frozen_at + DAY, **because)


def test_one_plan_earns_spends_and_refunds_dated_points(shop, earn, because):
    """Lots that are read, made and returned in the same plan are the same lots."""
    earn(10, days=5)
    with transaction.atomic():
        wallets = ledger.lock(shop, ["asha"])
        wallets.load_lots(["asha"], "COIN")
        now = wallets.now
        wallets.move("asha", ledger.EARN, "COIN", 10, expires_at=now + 2 * DAY, occurred_at=now, **because)
        spent = wallets.move("asha", SPEND, "COIN", 15, occurred_at=now, **because)
        wallets.move("asha", ledger.REFUND, "COIN", 8, reverses=spent, occurred_at=now, **because)
        reserved = wallets.move("asha", ledger.RESERVE, "COIN", 6, occurred_at=now, **because)
        wallets.move("asha", ledger.RELEASE, "COIN", 6, hold=reserved.hold, occurred_at=now, **because)
        wallets.save()
    assert lots(shop) == [3, 10]
    stored = ledger.transfers(shop, [spent.id])[spent.id]
    assert [(lot.remaining, taken) for lot, taken in stored.uses] == [(3, 10), (10, 5)]
    assert ledger.verify(shop)["ok"]
