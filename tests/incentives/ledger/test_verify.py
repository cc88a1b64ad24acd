"""The recount: finds what no trigger could stop, because somebody switched the triggers off."""

import pytest

from incenta.database import sql
from incentives import ledger
from incentives.ledger import verifying
from tests.incentives.ledger.conftest import DAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def history(shop, because):
    for user in ("asha", "bikram", "mallory"):
        ledger.earn(shop, user, "COIN", 10, **because)
        dated = ledger.earn(shop, user, "COIN", 10, expires_at=shop.clock_frozen_at + DAY, **because)
        ledger.spend(shop, user, "COIN", 3, **because)
        ledger.reverse(shop, user, "COIN", 2, reverses=dated.id, **because)
        promise = ledger.grant(shop, user, "GBP", 500, **because)
        ledger.void(shop, user, promise.id, 100, **because)
        ledger.post(shop, user, ledger.grant(shop, user, "GBP", 7, **because).id, **because)


def behind_its_back(statement: str) -> None:
    """As an operator with a superuser's rights would, or a broken disk: no trigger runs."""
    sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
    sql.execute("SET LOCAL session_replication_role = replica")
    sql.execute(statement)
    sql.execute("SET LOCAL session_replication_role = origin")


def test_an_app_without_books(shop):
    assert ledger.verify(shop) == {"ok": True, "accounts": 0, "entries": 0, "drift": [], "totals": {}}


def test_books_that_add_up(shop, history):
    found = ledger.verify(shop)
    assert (found["ok"], found["accounts"], found["entries"], found["drift"]) == (True, 3, 24, [])
    assert all(sum(buckets.values()) == 0 for buckets in found["totals"].values())
    assert ledger.verify(shop.sandbox_of)["entries"] == 0


ONE = "WHERE wallet_id = (SELECT id FROM incentives_wallet WHERE user_id = 'asha')"


@pytest.mark.parametrize(
    ("damage", "checks"),
    [
        ("UPDATE incentives_wallet SET coins = coins + 1 WHERE user_id = 'asha'", {"available"}),
        ("UPDATE incentives_wallet SET xp_held = 1 WHERE user_id = 'asha'", {"held", "open_holds"}),
        ("UPDATE incentives_wallet SET seq = seq + 1 WHERE user_id = 'asha'", {"wallet_seq"}),
        ("UPDATE incentives_wallet SET money = '{}' WHERE user_id = 'asha'", {"available", "held", "open_holds"}),
        ("UPDATE incentives_wallet SET coins_dated = 2 WHERE user_id = 'asha'", {"dated"}),
        (f"DELETE FROM incentives_transfer {ONE} AND seq = 1",
         {"seq", "wallet_seq", "running_available", "available"}),
        (f"DELETE FROM incentives_transfer {ONE} AND kind = 'VOID'",
         {"seq", "wallet_seq", "running_held", "held", "hold"}),
        (f"UPDATE incentives_transfer SET amount = 501 {ONE} AND kind = 'GRANT' AND amount = 500",
         {"running_held", "held", "hold_opened"}),
        (f"UPDATE incentives_transfer SET held_after = 1 {ONE} AND kind = 'VOID'", {"running_held"}),
        (f"UPDATE incentives_transfer SET app_id = 'app_x' {ONE} AND seq = 1", {"foreign"}),
        (f"UPDATE incentives_transfer SET amount = 12, available_after = available_after - 10 {ONE} AND kind = 'REVERSE'",
         {"available", "taken_back"}),
        (f"UPDATE incentives_hold SET open_amount = 300 {ONE} AND state = 'OPEN'", {"hold", "open_holds"}),
        (f"UPDATE incentives_hold SET state = 'VOIDED' {ONE} AND state = 'POSTED'", {"hold_state"}),
        (f"DELETE FROM incentives_hold {ONE} AND state = 'POSTED'", {"hold_opened", "hold_missing"}),
        (f"UPDATE incentives_lot SET remaining = remaining + 1 {ONE}", {"lot", "dated"}),
        (f"UPDATE incentives_lot SET amount = 11 {ONE}", {"lot", "lot_opened"}),
        (f"DELETE FROM incentives_lot {ONE}", {"lot_opened", "dated"}),
        (f"DELETE FROM incentives_lotuse WHERE lot_id = (SELECT id FROM incentives_lot {ONE})", {"lot"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wallets_a_block", [1, 5000])
def test_damage_is_found(shop, history, monkeypatch, damage, checks, wallets_a_block):
    monkeypatch.setattr(verifying, "WALLETS_A_BLOCK", wallets_a_block)
    behind_its_back(damage)
    found = ledger.verify(shop)
    assert not found["ok"]
    assert {finding["check"] for finding in found["drift"]} == checks
    assert all(finding["expected"] != finding["found"] for finding in found["drift"])


def test_the_answer_over_http(himal, because):
    ledger.earn(himal.app, "asha", "COIN", 10, **because)
    answer = himal.get("/incentives/ledger/verify")
    assert answer.status == 200
    assert {name: answer[name] for name in ("ok", "accounts", "entries", "drift")} == {
        "ok": True,
        "accounts": 1,
        "entries": 1,
        "drift": [],
    }


def test_the_nightly_recount_says_whose_books_are_wrong(shop, history, caplog):
    from incentives.tasks import verify_ledgers

    verify_ledgers()
    assert not caplog.records
    behind_its_back("UPDATE incentives_wallet SET coins = coins + 1 WHERE user_id = 'asha'")
    verify_ledgers()
    (alarm,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert shop.id in alarm.getMessage()
