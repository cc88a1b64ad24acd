"""What each kind of movement does, told as stories. Every refusal also checks that nothing moved."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from incenta.errors import NotFound
from incentives import ledger
from incentives.ledger import CAPTURE, EARN, GRANT, POST, RELEASE, RESERVE, REVERSE, SPEND, VOID
from incentives.models import Hold, Transfer, Wallet
from tests.incentives.ledger.conftest import books, refusing

pytestmark = pytest.mark.django_db


def balance(app, user, asset):
    """(available, held) as the database has it."""
    with transaction.atomic():
        wallets = ledger.lock(app, [user], create=False)
        return (wallets[user].available(asset), wallets[user].held(asset)) if user in wallets else (0, 0)


def test_a_reward_is_promised_taken_back_in_part_posted_paid_and_reversed(shop, because):
    promise = ledger.grant(shop, "asha", "GBP", 500, **because)
    assert balance(shop, "asha", "GBP") == (0, 500)
    ledger.void(shop, "asha", promise.id, 200, **because)
    posted = ledger.post(shop, "asha", promise.id, **because)
    assert (posted.amount, balance(shop, "asha", "GBP")) == (300, (300, 0))
    ledger.payout(shop, "asha", "GBP", 300, **because)
    ledger.reverse(shop, "asha", "GBP", 300, reverses=posted.id, **because)
    assert balance(shop, "asha", "GBP") == (-300, 0)  # a debt that the next reward nets off

    second = ledger.grant(shop, "asha", "GBP", 500, **because)
    ledger.post(shop, "asha", second.id, **because)
    assert balance(shop, "asha", "GBP") == (200, 0)
    assert ledger.verify(shop)["totals"]["GBP"] == {
        "ISSUER": -500, "AVAILABLE": 200, "HELD": 0, "SPENT": 0, "PAID_OUT": 300, "EXPIRED": 0, "CLEARING": 0,
    }  # fmt: skip


def test_a_hold_is_posted_or_voided_once(shop, because):
    promise = ledger.grant(shop, "asha", "GBP", 500, **because)
    ledger.post(shop, "asha", promise.id, **because)
    for verb in (ledger.post, ledger.void):
        with refusing(shop, ledger.HoldClosed) as refusal:
            verb(shop, "asha", promise.id, **because)
        assert (refusal.value.status, refusal.value.details) == (409, {"state": "POSTED"})


def test_more_than_a_hold_holds_is_refused(shop, because):
    promise = ledger.grant(shop, "asha", "GBP", 500, **because)
    ledger.void(shop, "asha", promise.id, 450, **because)
    with refusing(shop, ledger.HoldExceeded) as refusal:
        ledger.void(shop, "asha", promise.id, 51, **because)
    assert refusal.value.details == {"openAmount": 50}


def test_voiding_the_rest_closes_a_hold(shop, because):
    promise = ledger.grant(shop, "asha", "GBP", 500, **because)
    ledger.void(shop, "asha", promise.id, 450, **because)
    assert Hold.objects.get(pk=promise.id).state == "OPEN"
    ledger.void(shop, "asha", promise.id, **because)
    assert Hold.objects.get(pk=promise.id).state == "VOIDED"
    assert balance(shop, "asha", "GBP") == (0, 0)


def test_nobody_settles_a_hold_of_somebody_else(shop, because):
    promise = ledger.grant(shop, "asha", "GBP", 500, **because)
    ledger.earn(shop, "mallory", "GBP", 1, **because)
    with refusing(shop, NotFound):
        ledger.post(shop, "mallory", promise.id, **because)
    with refusing(shop, NotFound):
        ledger.void(shop, "asha", "trf_unknown", **because)
    with refusing(shop, NotFound):
        ledger.post(shop.sandbox_of, "asha", promise.id, **because)


def test_nobody_spends_what_is_not_there(shop, because):
    ledger.earn(shop, "mallory", "COIN", 30, **because)
    for verb in (ledger.spend, ledger.reserve, ledger.payout, ledger.reverse):
        with refusing(shop, ledger.InsufficientBalance) as refusal:
            verb(shop, "mallory", "COIN", 31, **because)
        assert refusal.value.details == {"available": 30, "required": 31, "asset": "COIN"}


def test_points_may_be_owed_where_the_app_allows_it_and_only_by_taking_back(shop, because):
    ledger.earn(shop, "mallory", "COIN", 30, **because)
    shop.allows_negative_points = True
    ledger.reverse(shop, "mallory", "COIN", 50, **because)
    assert balance(shop, "mallory", "COIN") == (-20, 0)
    with refusing(shop, ledger.InsufficientBalance):
        ledger.spend(shop, "mallory", "COIN", 1, **because)
    shop.allows_negative_points = False  # the debt that is there stays, and can be worked off
    ledger.earn(shop, "mallory", "COIN", 5, **because)
    assert balance(shop, "mallory", "COIN") == (-15, 0)


def test_a_transfer_is_taken_back_no_further_than_it_went(shop, because):
    earned = ledger.earn(shop, "asha", "COIN", 40, **because)
    ledger.earn(shop, "asha", "COIN", 100, **because)
    ledger.reverse(shop, "asha", "COIN", 25, reverses=earned.id, **because)
    with refusing(shop, ledger.ReversalExceeded) as refusal:
        ledger.reverse(shop, "asha", "COIN", 16, reverses=earned.id, **because)
    assert refusal.value.details == {"left": 15}
    ledger.reverse(shop, "asha", "COIN", 15, reverses=earned.id, **because)
    assert balance(shop, "asha", "COIN") == (100, 0)


def test_money_taken_back_by_id_is_bounded_by_the_database(shop, because):
    earned = ledger.earn(shop, "asha", "GBP", 40, **because)
    with refusing(shop, IntegrityError, match="takes back more"):
        wallets = ledger.lock(shop, ["asha"])
        wallets.move("asha", REVERSE, "GBP", 41, reverses=earned.id, occurred_at=wallets.now, **because)
        wallets.save()


def test_a_purchase_is_reserved_captured_and_refunded(shop, because):
    ledger.earn(shop, "asha", "COIN", 100, **because)
    reserved = ledger.reserve(shop, "asha", "COIN", 60, **because)
    assert balance(shop, "asha", "COIN") == (40, 60)
    ledger.release(shop, "asha", reserved.id, 10, **because)
    captured = ledger.capture(shop, "asha", reserved.id, **because)
    assert (captured.amount, balance(shop, "asha", "COIN")) == (50, (50, 0))
    ledger.refund(shop, "asha", captured.id, 20, **because)
    ledger.refund(shop, "asha", captured.id, **because)
    assert balance(shop, "asha", "COIN") == (100, 0)
    with refusing(shop, ledger.ReversalExceeded):
        ledger.refund(shop, "asha", captured.id, **because)


def test_points_cross_to_a_partner_and_come_back(shop, because):
    until = shop.clock_frozen_at + timedelta(days=3)
    ledger.earn(shop, "asha", "COIN", 30, expires_at=until, **because)
    with transaction.atomic():
        wallets = ledger.lock(shop, ["asha"])
        wallets.load_lots(["asha"], "COIN")
        out = wallets.move("asha", ledger.SETTLE_OUT, "COIN", 20, occurred_at=wallets.now, **because)
        wallets.save()
        assert ledger.verify(shop)["totals"]["COIN"]["CLEARING"] == 20
        sent = ledger.transfers(shop, [out.id])[out.id]
        wallets.move("asha", ledger.SETTLE_IN, "COIN", None, reverses=sent, occurred_at=wallets.now, **because)
        wallets.save()
    assert wallets["asha"].dated["COIN"] == 30
    assert ledger.verify(shop)["totals"]["COIN"]["CLEARING"] == 0


def test_a_plan_of_many_movements_is_one_statement(shop, because, django_assert_num_queries):
    with transaction.atomic():
        ledger.lock(shop, ["asha", "bikram"])
    with transaction.atomic():
        with django_assert_num_queries(1):
            wallets = ledger.lock(shop, ["bikram", "asha"])
        with django_assert_num_queries(0):
            now = wallets.now
            for asset in ("XP", "COIN", "GBP"):
                wallets.move("asha", EARN, asset, 10, occurred_at=now, **because)
            promise = wallets.move("bikram", GRANT, "GBP", 500, occurred_at=now, **because)
            wallets.move("bikram", VOID, "GBP", 100, hold=promise.hold, occurred_at=now, **because)
            wallets.move("bikram", POST, "GBP", None, hold=promise.hold, occurred_at=now, **because)
            reserved = wallets.move("asha", RESERVE, "COIN", 7, occurred_at=now, **because)
            wallets.move("asha", RELEASE, "COIN", 2, hold=reserved.hold, occurred_at=now, **because)
            wallets.move("asha", CAPTURE, "COIN", None, hold=reserved.hold, occurred_at=now, **because)
            spent = wallets.move("asha", SPEND, "COIN", 1, occurred_at=now, **because)
            wallets.move("asha", ledger.REFUND, "COIN", None, reverses=spent, occurred_at=now, **because)
            wallets.load_lots(["asha"], "COIN")  # nothing of hers expires: nothing to read
        assert (wallets["asha"].available("COIN"), wallets["bikram"].available("GBP")) == (5, 400)
        with django_assert_num_queries(1):
            wallets.save()
        with django_assert_num_queries(0):
            wallets.save()
        wallets.move("asha", EARN, "XP", 1, occurred_at=now, **because)  # still usable
        wallets.save()
    assert ledger.verify(shop)["ok"]
    assert list(Transfer.objects.filter(wallet__user_id="asha").order_by("seq").values_list("seq", flat=True)) == list(
        range(1, 10)
    )


def test_a_new_wallet_costs_three_statements_once(shop, django_assert_num_queries):
    with transaction.atomic():
        with django_assert_num_queries(3):
            ledger.lock(shop, ["asha", "bikram", "asha"])
        with django_assert_num_queries(1):
            assert len(ledger.lock(shop, ["asha", "bikram"])) == 2
        with django_assert_num_queries(1):
            assert "mallory" not in ledger.lock(shop, ["mallory"], create=False)
    assert Wallet.objects.filter(app=shop).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_wallet_is_locked_inside_a_transaction_only(shop):
    assert not connection.in_atomic_block
    with pytest.raises(RuntimeError):
        ledger.lock(shop, ["asha"])


def test_the_rival_s_asha_is_somebody_else(shop, because):
    ledger.earn(shop, "asha", "COIN", 30, **because)
    ledger.earn(shop.sandbox_of, "asha", "COIN", 5, **because)
    assert balance(shop, "asha", "COIN") == (30, 0)
    assert balance(shop.sandbox_of, "asha", "COIN") == (5, 0)


def test_a_balance_stays_countable(shop, because):
    for verb in (ledger.earn, ledger.grant):
        verb(shop, "asha", "GBP", 2**63 - 1, **because)
        with refusing(shop, ledger.BalanceTooLarge):
            verb(shop, "asha", "GBP", 1, **because)


def test_a_plan_refused_half_way_can_go_on(shop, because):
    """A refusal leaves the plan as it was: a bulk call records its other items."""
    with transaction.atomic():
        wallets = ledger.lock(shop, ["asha"])
        now = wallets.now
        wallets.move("asha", EARN, "COIN", 10, occurred_at=now, **because)
        with refusing(shop, ledger.InsufficientBalance):
            wallets.move("asha", SPEND, "COIN", 11, occurred_at=now, **because)
        with refusing(shop, ledger.BalanceTooLarge):
            wallets.move("asha", EARN, "EUR", 2**63, occurred_at=now, **because)
        wallets.move("asha", SPEND, "COIN", 10, occurred_at=now, **because)
        wallets.save()
    assert balance(shop, "asha", "COIN") == (0, 0)
    assert Wallet.objects.get(app=shop).money == {}
    assert ledger.verify(shop)["ok"]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (POST, {}),
        (EARN, {"hold": "not a hold"}),
        (SPEND, {"reverses": "trf_1"}),
        (REVERSE, {"reverses": "trf_1"}),
        ("GIFT", {}),
    ],
)
def test_mistakes_of_ours_are_loud(shop, because, kind, more):
    with transaction.atomic():
        wallets = ledger.lock(shop, ["asha"])
        with pytest.raises((ValueError, KeyError)):
            wallets.move("asha", kind, "COIN", 1, occurred_at=wallets.now, **because, **more)
        assert wallets.transfers == []


def test_what_a_row_remembers(shop, because):
    yesterday = shop.clock_frozen_at - timedelta(days=1)
    ledger.earn(shop, "asha", "XP", 3, occurred_at=yesterday, rule_version=7, **because)
    row = Transfer.objects.get(app=shop)
    assert (row.cause, row.cause_type, row.rule_version) == ("evt_because", "test", 7)
    assert (row.occurred_at, row.recorded_at) == (yesterday, shop.clock_frozen_at)
    assert (row.source, row.target, row.amount, row.available_after, row.held_after) == ("ISSUER", "AVAILABLE", 3, 3, 0)


# --- keys -----------------------------------------------------------------------------------------------------------
def test_a_key_lands_once_for_ever(shop, because):
    first = ledger.earn(shop, "asha", "COIN", 30, idem="order-1", **because)
    before = books(shop)
    again = ledger.earn(shop, "asha", "COIN", 30, idem="order-1", **because)
    assert (again.id, again.is_replay, first.is_replay) == (first.id, True, False)
    assert books(shop) == before


@pytest.mark.parametrize(
    ("user", "asset", "amount", "verb"),
    [
        ("bikram", "COIN", 30, ledger.earn),
        ("asha", "XP", 30, ledger.earn),
        ("asha", "COIN", 31, ledger.earn),
        ("asha", "COIN", 30, ledger.spend),
        ("asha", "COIN", 30, ledger.grant),
    ],
)
def test_a_key_does_not_serve_another_request(shop, because, user, asset, amount, verb):
    first = ledger.earn(shop, "asha", "COIN", 30, idem="order-1", **because)
    ledger.earn(shop, "bikram", "COIN", 30, **because)
    with refusing(shop, ledger.IdemMismatch) as refusal:
        verb(shop, user, asset, amount, idem="order-1", **because)
    assert (refusal.value.status, refusal.value.details) == (409, {"transferId": first.id})


def test_a_key_belongs_to_its_app(shop, because):
    ledger.earn(shop, "asha", "COIN", 30, idem="order-1", **because)
    other = ledger.earn(shop.sandbox_of, "asha", "COIN", 99, idem="order-1", **because)
    assert not other.is_replay


def test_settling_by_key_is_repeated_safely(shop, because):
    promise = ledger.grant(shop, "asha", "GBP", 500, **because)
    first = ledger.post(shop, "asha", promise.id, idem="pay-1", **because)
    assert ledger.post(shop, "asha", promise.id, idem="pay-1", **because).id == first.id
    with refusing(shop, ledger.IdemMismatch):
        ledger.void(shop, "asha", promise.id, idem="pay-1", **because)
