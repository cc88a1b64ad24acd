"""Many at once, on real connections: no deadlock, no lost update, and books that add up."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction

from incenta.errors import DomainError
from incentives import ledger
from incentives.models import Hold, Transfer, Wallet
from tests.cast import at_once

pytestmark = pytest.mark.django_db(transaction=True)
USERS = ("asha", "bikram", "mallory")


def outcomes(results: list) -> list:
    """What was answered or refused; anything else that was raised is raised here."""
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, DomainError):
            raise result
    return results


def test_eight_clients_in_any_order(shop, because):
    """Each goes its own random way over three users, in plans over one or several of them."""
    shop.clock_frozen_at = None

    def client(place: int) -> int:
        dice, done = random.Random(place), 0
        now = shop.created_at
        for step in range(120):
            try:
                if dice.random() < 0.4:
                    done += two_users(dice)
                    continue
                user, asset, amount = dice.choice(USERS), dice.choice(("COIN", "XP", "GBP")), dice.randint(1, 20)
                verb = dice.choice(
                    ("earn", "earn", "dated", "grant", "spend", "reserve", "reverse", "settle", "refund", "same key")
                )
                if verb == "dated":
                    ledger.earn(
                        shop, user, "COIN", amount, expires_at=now + timedelta(days=dice.randint(1, 9)), **because
                    )
                elif verb == "same key":
                    ledger.earn(shop, user, asset, amount, idem=f"key-{step}", **because)
                elif verb == "settle":
                    hold = dice.choice(
                        list(Hold.objects.filter(app=shop).values_list("id", "kind", "wallet__user_id")) or [None]
                    )
                    if hold:
                        ways = (ledger.post, ledger.void) if hold[1] == "GRANT" else (ledger.capture, ledger.release)
                        dice.choice(ways)(shop, hold[2], hold[0], **because)
                elif verb == "refund":
                    spent = dice.choice(
                        list(Transfer.objects.filter(app=shop, kind="SPEND").values_list("id", "wallet__user_id"))
                        or [None]
                    )
                    if spent:
                        ledger.refund(shop, spent[1], spent[0], 1, **because)
                else:
                    getattr(ledger, verb)(shop, user, asset, amount, **because)
                done += 1
            except DomainError:
                pass
        return done

    def two_users(dice: random.Random) -> int:
        users = dice.sample(USERS, dice.randint(2, 3))
        with transaction.atomic():
            wallets = ledger.lock(shop, users)
            for user in users:
                wallets.move(user, ledger.EARN, "COIN", dice.randint(1, 9), occurred_at=wallets.now, **because)
            wallets.load_lots(users, "COIN")
            wallets.move(users[0], ledger.SETTLE_OUT, "COIN", 1, occurred_at=wallets.now, **because)
            wallets.move(users[-1], ledger.SETTLE_IN, "COIN", 1, occurred_at=wallets.now, **because)
            wallets.save()
        return 1

    done = outcomes(at_once(8, client))
    found = ledger.verify(shop)
    assert found["ok"], found["drift"]
    assert found["totals"]["COIN"]["CLEARING"] == 0
    assert sum(done) > 450


def test_racing_for_new_wallets_in_opposite_orders(shop, because):
    """Creators that overlap in every way neither wait in a circle nor make a wallet twice."""
    people = [f"user {number}" for number in range(12)]

    def client(place: int) -> None:
        dice = random.Random(place)
        for _ in range(25):
            users = dice.sample(people, dice.randint(1, 5))
            with transaction.atomic():
                wallets = ledger.lock(shop, users)
                assert {wallet.user_id for wallet in wallets} == set(users)
                for user in users:
                    wallets.move(user, ledger.EARN, "XP", 1, occurred_at=wallets.now, **because)
                wallets.save()

    outcomes(at_once(8, client))
    assert Wallet.objects.filter(app=shop).count() == len(people)
    assert ledger.verify(shop)["ok"]


def test_thirty_with_one_key_move_once(shop, because):
    results = outcomes(at_once(30, lambda place: ledger.earn(shop, "asha", "COIN", 10, idem="order-1", **because)))
    assert len({result.id for result in results}) == 1
    assert sum(not result.is_replay for result in results) == 1
    assert ledger.verify(shop)["entries"] == 1


def test_one_key_on_two_users_lands_on_one(shop, because):
    """They hold different wallets, so that only the unique key can tell."""
    results = outcomes(
        at_once(8, lambda place: ledger.earn(shop, USERS[place % 2], "COIN", 10, idem="order-1", **because))
    )
    winner = {result.user_id for result in results if not isinstance(result, DomainError)}
    assert len(winner) == 1
    for place, result in enumerate(results):
        assert isinstance(result, ledger.IdemMismatch) == (USERS[place % 2] not in winner)
    assert ledger.verify(shop)["entries"] == 1


def test_thirty_spend_the_last_hundred(shop, because):
    ledger.earn(shop, "asha", "COIN", 100, expires_at=shop.clock_frozen_at + timedelta(days=1), **because)
    results = outcomes(at_once(30, lambda place: ledger.spend(shop, "asha", "COIN", 10, **because)))
    assert sum(isinstance(result, ledger.InsufficientBalance) for result in results) == 20
    assert ledger.verify(shop)["totals"]["COIN"]["AVAILABLE"] == 0


def test_thirty_settle_one_hold(shop, because):
    promise = ledger.grant(shop, "asha", "GBP", 10, **because)
    ways = (ledger.post, ledger.void)
    results = outcomes(at_once(30, lambda place: ways[place % 2](shop, "asha", promise.id, **because)))
    assert sum(isinstance(result, ledger.HoldClosed) for result in results) == 29
    assert ledger.verify(shop)["ok"]


def test_without_the_lock_the_second_line_holds(shop, because):
    """Two plans over one reading of a wallet: the second breaks unique (wallet, seq) and nothing of it is kept."""
    ledger.earn(shop, "asha", "COIN", 100, **because)
    with transaction.atomic():
        first, second = ledger.lock(shop, ["asha"]), ledger.lock(shop, ["asha"])
        for wallets in (first, second):
            wallets.move("asha", ledger.SPEND, "COIN", 100, occurred_at=wallets.now, **because)
        first.save()
        with pytest.raises(Exception, match="transfer_seq"), transaction.atomic():
            second.save()
    found = ledger.verify(shop)
    assert (found["ok"], found["totals"]["COIN"]["AVAILABLE"]) == (True, 0)


def test_a_reader_sees_one_moment(shop, because):
    """The recount runs beside writers and finds no drift that is only a moment between two statements."""

    def act(place: int) -> bool:
        if place == 0:
            return all(ledger.verify(shop)["ok"] for _ in range(40))
        for _ in range(40):
            promise = ledger.grant(shop, USERS[place % 3], "GBP", 5, **because)
            ledger.post(shop, USERS[place % 3], promise.id, **because)
        return True

    assert all(outcomes(at_once(4, act)))


def test_a_wallet_waits_for_its_holder(shop, because):
    """The balance that ``lock`` answers is that of after the wait, not of before."""
    ledger.earn(shop, "asha", "COIN", 100, **because)

    def wait() -> int:
        try:
            with transaction.atomic():
                return ledger.lock(shop, ["asha"])["asha"].available("COIN")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            wallets = ledger.lock(shop, ["asha"])
            waiting = pool.submit(wait)
            while not _waits(connection) and not waiting.done():
                pass
            wallets.move("asha", ledger.SPEND, "COIN", 60, occurred_at=wallets.now, **because)
            wallets.save()
        assert waiting.result(timeout=10) == 40


def _waits(on) -> bool:
    with on.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')")
        return cursor.fetchone()[0] > 0
