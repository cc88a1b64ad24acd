"""Processes die between the debit and the code: never one without the other.

Each redemption is held at a known place, inside its transaction, by locks that the test takes; then the web process that
runs it is killed as a machine kills it. The client asks again with its Idempotency-Key, as every client should.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.faults.installation import Installation, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

MARKET = "/incentives/marketplace"
FREE_CODES = "SELECT FROM marketplace_listingcode WHERE listing_id = %s AND redemption_id IS NULL FOR UPDATE"
STOCK = "SELECT FROM marketplace_listingstock WHERE listing_id = %s FOR UPDATE"
# where a redemption is held -> the locks that hold it there
HOLDS = {
    "while debit, stock and redemption are written": STOCK,
    "after the debit was planned, before the code": FREE_CODES,
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Iterator[Installation]:
    made = Installation(tmp_path_factory.mktemp("market"))
    try:
        made.start()
        status, profile = made.call("POST", f"{MARKET}/profile", {"name": "Café Mitra"})
        if status == 409:  # the demonstration has one
            profile = made.get(f"{MARKET}/profile")
        made.rows("UPDATE marketplace_profile SET status = 'VERIFIED' WHERE id = %s RETURNING id", profile["id"])
        assert made.call("PATCH", f"{MARKET}/settings", {"joined": True, "allowedBusinesses": []})[0] == 200
        yield made
    finally:
        made.stop()


@contextmanager
def held(installation: Installation, statement: str, listing: str) -> Iterator[None]:
    """Holds these rows until the block ends."""
    where = {
        "host": str(installation.cluster.socket_dir),
        "port": 5432,
        "user": "postgres",
        "dbname": installation.cluster.database,
    }
    with psycopg.connect(**where) as connection:
        connection.execute(statement, (listing,))
        yield
        connection.rollback()


def waiting(installation: Installation) -> int:
    """How many of the product's transactions wait for a row."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    return installation.rows(asked, "%marketplace_listing%")[0][0]


@pytest.mark.parametrize("place", HOLDS)
def test_a_process_dies_between_debit_and_code(installation, place):
    user = f"asha-{len(place)}"
    installation.post("/incentives/adjustments", {"userId": user, "coins": 100, "reason": "Thanks"}, once=user)
    codes = [f"{len(place)}-{number}" for number in range(5)]
    sold = {"title": place, "coinCost": 30, "inventory": 5, "codes": codes}
    listing = installation.post(f"{MARKET}/listings", sold, once=place)["id"]
    answers: list[dict] = []

    def redeem() -> None:
        body = {"listingId": listing, "userId": user}
        answers.append(installation.post(f"{MARKET}/redeem", body, once=f"redeem {place}"))

    def state() -> tuple:
        coins = installation.get(f"/incentives/balances/{user}")["coins"]
        (left,) = installation.rows('SELECT "left" FROM marketplace_listingstock WHERE listing_id = %s', listing)[0]
        (free,) = installation.rows(
            "SELECT count(*) FROM marketplace_listingcode WHERE listing_id = %s AND redemption_id IS NULL", listing
        )[0]
        (had,) = installation.rows("SELECT count(*) FROM marketplace_redemption WHERE listing_id = %s", listing)[0]
        return coins, left, free, had

    client = threading.Thread(target=redeem)
    with held(installation, HOLDS[place], listing):
        client.start()
        until(lambda: waiting(installation), "a redemption waits in the middle of its transaction")
        assert installation.kill("granian")
        until(lambda: installation.programs("granian"), "the web is served again")
        assert state() == (100, 5, 5, 0), "nothing is half done"
    client.join(90)
    assert state() == (70, 4, 4, 1)
    (answer,) = answers
    (told,) = installation.rows("SELECT code FROM marketplace_redemption WHERE listing_id = %s", listing)[0]
    assert answer["discountCode"] == told and answer["balances"]["coins"] == 70
    assert installation.get("/incentives/ledger/verify")["ok"]


def test_web_processes_die_while_many_redeem(installation):
    users = [f"user-{number}" for number in range(8)]
    for user in users:
        installation.post("/incentives/adjustments", {"userId": user, "coins": 1_000, "reason": "Thanks"}, once=user)
    sold = {"title": "Tea", "coinCost": 10, "inventory": 1_000, "codePrefix": "TEA"}
    listing = installation.post(f"{MARKET}/listings", sold, once="Tea")["id"]
    answers: dict[tuple[str, int], dict] = {}
    enough = threading.Event()

    def redeem(user: str) -> None:
        place = 0
        while not (enough.is_set() and place >= 5):
            body = {"listingId": listing, "userId": user}
            answers[user, place] = installation.post(f"{MARKET}/redeem", body, once=f"{user} {place}")
            place += 1
            if place == 90:
                break

    clients = [threading.Thread(target=redeem, args=(user,)) for user in users]
    for client in clients:
        client.start()
    for _ in range(3):
        so_far = len(answers)
        until(lambda so_far=so_far: len(answers) > so_far + 10, "some are redeemed")
        assert installation.kill("granian", workers_only=True)
    enough.set()
    for client in clients:
        client.join(90)
    made = installation.rows("SELECT user_id, code FROM marketplace_redemption WHERE listing_id = %s", listing)
    assert sorted(code for _, code in made) == sorted(answer["discountCode"] for answer in answers.values())
    assert len({code for _, code in made}) == len(made) == len(answers)
    (left,) = installation.rows('SELECT "left" FROM marketplace_listingstock WHERE listing_id = %s', listing)[0]
    assert left == 1_000 - len(made)
    for user in users:
        mine = len([each for each, _ in made if each == user])
        assert installation.get(f"/incentives/balances/{user}")["coins"] == 1_000 - 10 * mine
    assert installation.get("/incentives/ledger/verify")["ok"]
