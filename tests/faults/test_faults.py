"""Parts die while friends convert: nothing is half done, nothing is lost, nothing is done twice, and every event goes out.

Real processes throughout (``manage.py up``), killed as a machine kills them. Clients do what the documentation asks of
them: they send a request again, with its Idempotency-Key or externalId, until it is answered.
"""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import count

import pytest

from tests.faults.installation import Installation, Receiver, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

THREADS = 8
number = count(1)


@pytest.fixture(scope="module")
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture(scope="module")
def installation(tmp_path_factory, receiver):
    made = Installation(tmp_path_factory.mktemp("faults"))
    try:
        made.start()
        made.post("/webhooks", {"url": receiver.url, "events": ["*"]})
        yield made
    finally:
        made.stop()


class Shop:
    """A two-sided campaign with a few busy referrers, and eight clients that report conversions to it."""

    def __init__(self, installation: Installation):
        self.installation = installation
        self.name = f"shop-{next(number)}"
        rules = {"rewardModel": "FIXED", "rewardValue": 5, "referralType": "TWO_SIDED", "refereeRewardValue": 2.5}
        made = {"name": self.name, "status": "ACTIVE", "currency": "USD", "firstTimeUserOnly": False} | rules
        self.campaign = installation.post("/campaigns", made, once=self.name)["id"]
        self.codes = [
            installation.post("/referrals", {"campaignId": self.campaign, "referrerId": f"{self.name}-r{place}"})[
                "referralCode"
            ]
            for place in range(4)
        ]
        self.answers: dict[tuple[str, str], dict] = {}
        self.enough = threading.Event()

    def convert(self, place: int) -> None:
        """One conversion, reported until it is answered. The same order is sent a second time now and then."""
        code, friend = self.codes[place % len(self.codes)], f"{self.name}-f{place}"
        body = {"referralCode": code, "refereeId": friend, "amount": 20}
        once = f"{self.name}-{place}" if place % 2 else ""
        if not once:
            body["externalId"] = f"{self.name}-order-{place}"
        answer = self.installation.post("/conversions", body, once=once)
        if place % 7 == 0:
            again = self.installation.post("/conversions", body, once=once)
            assert again == answer, (again, answer)
        self.answers[code, friend] = answer

    def busy(self, harm: Callable[["Shop"], None], least: int = 60) -> None:
        """Converts on eight threads while ``harm`` is done, and some more after it."""
        places = count()

        def work() -> None:
            while not self.enough.is_set():
                self.convert(next(places))

        with ThreadPoolExecutor(THREADS) as clients:
            working = [clients.submit(work) for _ in range(THREADS)]
            try:
                until(lambda: len(self.answers) >= 10 or any(each.done() for each in working), "the shop is busy")
                harm(self)
                so_far = len(self.answers)
                until(
                    lambda: len(self.answers) >= max(least, so_far + 30) or any(each.done() for each in working),
                    "the shop is busy again",
                )
            finally:
                self.enough.set()
        for each in working:
            each.result()

    def more(self, so_many: int) -> None:
        """Waits until so many more conversions are answered."""
        wanted = len(self.answers) + so_many
        until(lambda: len(self.answers) >= wanted, f"{so_many} more conversions are answered")


def check(shop: Shop, receiver: Receiver) -> None:
    """What must hold whatever happened."""
    installation = shop.installation
    sent = len(shop.answers)
    kept = installation.rows(
        "SELECT r.code, c.referee_id, c.id, c.status FROM referrals_conversion c JOIN referrals_referral r ON r.id = c.referral_id "
        "WHERE c.campaign_id = %s",
        shop.campaign,
    )
    # exactly one for each friend, and it is the one that the client was told of
    assert len(kept) == sent
    assert {(code, friend): id for code, friend, id, _ in kept} == {
        asked: answer["conversionId"] for asked, answer in shop.answers.items()
    }
    # what was kept for an Idempotency-Key tells of nothing that was not done
    assert not installation.rows(
        "SELECT key FROM api_idempotencyrecord WHERE key LIKE %s AND status = 201 AND body LIKE '%%conversionId%%' "
        "AND body::json->>'conversionId' NOT IN (SELECT id FROM referrals_conversion)",
        f"{shop.name}-%",
    )
    # with both its rewards, each promised in the ledger
    rewards = installation.rows(
        "SELECT w.conversion_id, w.side, w.amount_minor, t.amount, h.open_amount FROM referrals_reward w "
        "LEFT JOIN incentives_transfer t ON t.cause = w.id LEFT JOIN incentives_hold h ON h.id = w.ledger_hold_id "
        "WHERE w.campaign_id = %s ORDER BY w.conversion_id, w.side",
        shop.campaign,
    )
    worth = {"REFERRER": 500, "REFEREE": 250}
    assert sorted((conversion, side) for conversion, side, *_ in rewards) == sorted(
        (answer["conversionId"], side) for answer in shop.answers.values() for side in worth
    )
    assert all(worth[side] == amount == moved == promised for _, side, amount, moved, promised in rewards)
    verified = installation.get("/incentives/ledger/verify")
    assert verified["ok"] and not verified["drift"], verified
    # the figures are the rows', at once and after they are folded
    figures = installation.get(f"/stats?campaignId={shop.campaign}")
    assert (figures["totalReferrals"], figures["totalConversions"]) == (len(shop.codes), sent)
    assert Decimal(str(figures["totalRewardValue"])) == Decimal("7.5") * sent
    # one event for each thing, no event of nothing
    told = installation.rows(
        "SELECT type, count(*), count(DISTINCT subject_id) FROM events_event WHERE data->>'campaignId' = %s GROUP BY type",
        shop.campaign,
    )
    expected = {"REFERRAL_CREATED": len(shop.codes), "REFERRAL_CONVERTED": sent, "REWARD_CREATED": 2 * sent}
    assert {type: (events, subjects) for type, events, subjects in told} == {
        type: (number, number) for type, number in expected.items()
    }
    # all of it goes out
    until(
        lambda: installation.rows("SELECT count(*) FROM events_event WHERE dispatched_at IS NULL") == [(0,)],
        "all is dispatched",
    )
    ids = {
        id for (id,) in installation.rows("SELECT id FROM events_event WHERE data->>'campaignId' = %s", shop.campaign)
    }
    until(lambda: ids <= set(receiver.bodies), "every event has reached the merchant")
    assert all(len(receiver.bodies[id]) == 1 for id in ids), "a message sent again has the same bytes"
    feed = [event["id"] for event in installation.events()]
    assert len(feed) == len(set(feed)) and ids <= set(feed)
    until(
        lambda: (
            installation.rows("SELECT count(*) FROM referrals_statdelta WHERE campaign_id = %s", shop.campaign)
            == [(0,)]
        ),
        "the figures are folded",
    )
    assert installation.get(f"/stats?campaignId={shop.campaign}") == figures


def test_web_processes_are_killed(installation, receiver):
    def harm(shop: Shop) -> None:
        for _ in range(2):
            assert installation.kill("granian", workers_only=True)
            shop.more(5)
        assert installation.kill("granian")
        shop.more(5)

    shop = Shop(installation)
    shop.busy(harm)
    check(shop, receiver)


def test_workers_are_killed(installation, receiver):
    def harm(shop: Shop) -> None:
        until(lambda: installation.programs("celery", "worker", "--queues incenta"), "a worker is there")
        assert installation.kill("celery", "worker")
        shop.more(20)
        assert installation.kill("celery", "beat")

    shop = Shop(installation)
    shop.busy(harm)
    check(shop, receiver)


def test_the_broker_is_gone(installation, receiver):
    def harm(shop: Shop) -> None:
        shutil.rmtree(installation.folder / "broker")
        shop.more(20)  # the API does not need it
        installation.kill("celery", "worker")
        shop.more(5)

    shop = Shop(installation)
    shop.busy(harm)
    check(shop, receiver)


def test_the_database_is_cut_off_and_killed(installation, receiver):
    def harm(shop: Shop) -> None:
        for how in (signal.SIGQUIT, signal.SIGKILL):  # pg_ctl -m immediate, and worse
            pid = installation.cluster.pid()
            os.kill(pid, how)
            until(lambda pid=pid: installation.cluster.pid() not in (None, pid), "another server has taken its place")
            shop.more(10)

    shop = Shop(installation)
    shop.busy(harm)
    check(shop, receiver)


def test_everything_at_once(installation, receiver):
    def harm(shop: Shop) -> None:
        installation.kill("celery")
        installation.kill("granian", workers_only=True)
        os.kill(installation.cluster.pid(), signal.SIGQUIT)
        shutil.rmtree(installation.folder / "broker", ignore_errors=True)
        time.sleep(0.5)
        installation.kill("granian")
        shop.more(20)

    shop = Shop(installation)
    shop.busy(harm)
    check(shop, receiver)
