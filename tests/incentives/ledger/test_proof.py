"""What nobody can do, also not by hand in SQL: the database proves the books itself."""

import pytest
from django.db import IntegrityError, connection, transaction

from incenta.database import sql
from incentives import ledger
from tests.incentives.ledger.conftest import DAY, books

pytestmark = pytest.mark.django_db


@pytest.fixture
def history(shop, because):
    """asha and bikram with a little of everything."""
    for user in ("asha", "bikram"):
        ledger.earn(shop, user, "COIN", 10, **because)
        ledger.earn(shop, user, "COIN", 10, expires_at=shop.clock_frozen_at + DAY, **because)
        ledger.spend(shop, user, "COIN", 3, **because)
        ledger.earn(shop, user, "XP", 5, **because)
        ledger.earn(shop, user, "GBP", 1, **because)
        promise = ledger.grant(shop, user, "GBP", 500, **because)
        ledger.void(shop, user, promise.id, 100, **because)
        ledger.post(shop, user, ledger.grant(shop, user, "GBP", 7, **because).id, **because)


def by_hand(*statements: str) -> None:
    """Runs and commits as far as a test may: deferred proofs are called in."""
    for statement in statements:
        sql.execute(statement)
    sql.execute("SET CONSTRAINTS ALL IMMEDIATE")


ASHA = "(SELECT id FROM incentives_wallet WHERE user_id = 'asha')"
BIKRAM = "(SELECT id FROM incentives_wallet WHERE user_id = 'bikram')"
COLUMNS = """id, app_id, wallet_id, seq, asset, kind, source, target, amount, available_after, held_after, hold_id, reverses_id,
    cause, cause_type, rule_version, idem, expires_at, occurred_at, recorded_at"""


def forged(**changed: str) -> str:
    """An INSERT of asha's last earned coins again, with some columns changed."""
    columns = [column.strip() for column in COLUMNS.split(",")]
    values = {"id": "'trf_forged'", "seq": "seq + 100"} | changed
    return f"""INSERT INTO incentives_transfer ({COLUMNS}) SELECT {", ".join(values.get(column, column) for column in columns)}
        FROM incentives_transfer WHERE wallet_id = {ASHA} AND kind = 'EARN' AND asset = 'XP'"""


NEXT = f"(SELECT seq + 1 FROM incentives_wallet WHERE id = {ASHA})"


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE incentives_wallet SET coins = coins + 1000"],
        ["UPDATE incentives_wallet SET coins_held = coins_held + 1"],
        ["UPDATE incentives_wallet SET xp = 0, seq = seq + 1"],
        ["UPDATE incentives_wallet SET seq = seq - 1"],
        ["UPDATE incentives_wallet SET seq = seq + 1"],
        ["""UPDATE incentives_wallet SET money = '{"GBP": {"available": 1000, "held": 400}}'"""],
        ["""UPDATE incentives_wallet SET money = money || '{"USD": {"available": 5, "held": 0}}'"""],
        ["UPDATE incentives_wallet SET money = '{}'"],
        ["UPDATE incentives_wallet SET coins_dated = coins_dated - 1"],
        ["UPDATE incentives_wallet SET coins_dated = 0"],
        ["UPDATE incentives_wallet SET app_id = (SELECT sandbox_of_id FROM accounts_app WHERE id = app_id)"],
        ["UPDATE incentives_wallet SET id = id || 'x'"],
        ["DELETE FROM incentives_wallet"],
        ["UPDATE incentives_transfer SET amount = amount + 1"],
        ["UPDATE incentives_transfer SET cause = 'somebody else'"],
        ["DELETE FROM incentives_transfer WHERE kind = 'SPEND'"],
        ["DELETE FROM incentives_hold"],
        ["UPDATE incentives_hold SET open_amount = open_amount - 1 WHERE state = 'OPEN'"],
        ["UPDATE incentives_hold SET open_amount = 0, state = 'POSTED', resolved_at = now() WHERE state = 'OPEN'"],
        ["UPDATE incentives_hold SET state = 'VOIDED' WHERE state = 'POSTED'"],
        [f"UPDATE incentives_hold SET wallet_id = {BIKRAM} WHERE wallet_id = {ASHA}"],
        ["UPDATE incentives_hold SET amount = amount + 1"],
        [
            """INSERT INTO incentives_hold
            SELECT id || 'x', asset, kind, amount, open_amount, state, cause, resolved_at, app_id, wallet_id FROM incentives_hold"""
        ],
        ["UPDATE incentives_lot SET remaining = amount"],
        ["UPDATE incentives_lot SET remaining = remaining - 1"],
        ["UPDATE incentives_lot SET expires_at = expires_at + interval '1 year'"],
        [f"UPDATE incentives_lot SET wallet_id = {BIKRAM} WHERE wallet_id = {ASHA}"],
        ["UPDATE incentives_lotuse SET amount = amount - 1"],
        ["DELETE FROM incentives_lotuse"],
        ["DELETE FROM incentives_lot"],
        # transfers that nobody made
        [forged()],
        [forged(seq=NEXT)],
        [forged(seq="0")],
        [forged(seq="-1")],
        [forged(seq=NEXT, wallet_id="'wal_nobody'")],
        [
            # the wallet counts it, yet its running balance does not follow
            f"""WITH w AS (UPDATE incentives_wallet SET seq = seq + 1, xp = xp + 5 WHERE id = {ASHA})
            {forged(seq=NEXT, available_after="999")}""",
        ],
        [
            # it follows, yet the wallet says more
            f"""WITH w AS (UPDATE incentives_wallet SET seq = seq + 1, xp = xp + 6 WHERE id = {ASHA})
            {forged(seq=NEXT, available_after="10")}""",
        ],
        [
            # another asset changes under its cover
            f"""WITH w AS (UPDATE incentives_wallet SET seq = seq + 1, xp = xp + 5, coins = coins + 1 WHERE id = {ASHA})
            {forged(seq=NEXT, available_after="10")}""",
        ],
        [
            # a gap
            f"""WITH w AS (UPDATE incentives_wallet SET seq = seq + 2, xp = xp + 5 WHERE id = {ASHA})
            {forged(seq=NEXT + " + 1", available_after="10")}""",
        ],
        [
            # it opens no lot, no hold
            f"""WITH w AS (UPDATE incentives_wallet SET seq = seq + 1, xp = xp + 5 WHERE id = {ASHA})
            {forged(seq=NEXT, available_after="10", expires_at="now()")}""",
        ],
        [
            f"""WITH w AS (UPDATE incentives_wallet SET seq = seq + 1, xp_held = 5 WHERE id = {ASHA})
            {forged(seq=NEXT, kind="'GRANT'", target="'HELD'", held_after="5")}""",
        ],
        [
            # its kind does not go from there to there; it names no hold; it takes back what is no such thing
            f"""WITH w AS (UPDATE incentives_wallet SET seq = seq + 1, xp = xp + 5 WHERE id = {ASHA})
            {forged(seq=NEXT, available_after="10", kind="'REFUND'")}""",
        ],
        [
            f"""WITH w AS (UPDATE incentives_wallet SET seq = seq + 1, xp = xp + 5 WHERE id = {ASHA})
            {forged(seq=NEXT, available_after="10", kind="'RELEASE'", source="'HELD'")}""",
        ],
        [
            f"""WITH w AS (UPDATE incentives_wallet SET seq = seq + 1, xp = xp + 5 WHERE id = {ASHA})
            {forged(seq=NEXT, available_after="10", reverses_id="id")}""",
        ],
        [
            f"""WITH w AS (UPDATE incentives_wallet SET seq = seq + 1, xp = xp + 0 WHERE id = {ASHA})
            {forged(seq=NEXT, available_after="5", amount="0")}""",
        ],
        [
            """INSERT INTO incentives_wallet SELECT id || 'x', user_id || 'x', seq, xp, coins, tokens, xp_held,
            coins_held, tokens_held, xp_dated,
            coins_dated, tokens_dated, money, may_owe, created_at, app_id FROM incentives_wallet"""
        ],
        [
            """INSERT INTO incentives_lotuse SELECT 1, l.id, t.id
            FROM incentives_lot l JOIN incentives_transfer t ON t.kind = 'EARN' AND t.asset = 'XP'"""
        ],
    ],
)
def test_nothing_is_changed_by_hand(shop, history, statements):
    before = books(shop)
    with pytest.raises(IntegrityError), transaction.atomic():
        by_hand(*statements)
    assert books(shop) == before
    assert ledger.verify(shop)["ok"]


def test_a_statement_that_tells_the_truth_is_let_through(shop, history):
    """The forgeries above fail for their lie, not for their form."""
    by_hand(
        f"WITH w AS (UPDATE incentives_wallet SET seq = seq + 1, xp = xp + 5 WHERE id = {ASHA}) {forged(seq=NEXT, available_after='10')}"
    )
    by_hand("UPDATE incentives_wallet SET user_id = 'former member' WHERE user_id = 'asha'")
    assert ledger.verify(shop)["ok"]


@pytest.mark.django_db(transaction=True)
def test_a_lie_about_a_hold_or_a_lot_cannot_commit(shop, history):
    """These proofs are deferred: the statement passes, the COMMIT does not."""
    before = books(shop)
    for lie in (
        "UPDATE incentives_hold SET open_amount = 1 WHERE state = 'OPEN'",
        "UPDATE incentives_lot SET remaining = 1",
    ):
        with pytest.raises(IntegrityError, match="ledger:"), transaction.atomic():
            sql.execute(lie)
            assert not connection.needs_rollback
    assert books(shop) == before


@pytest.mark.django_db(transaction=True)
def test_an_open_transaction_is_undone_whole(shop, because):
    before = books(shop)
    with pytest.raises(RuntimeError), transaction.atomic():
        ledger.earn(shop, "asha", "COIN", 10, **because)
        ledger.grant(shop, "asha", "GBP", 10, **because)
        raise RuntimeError
    assert books(shop) == before
