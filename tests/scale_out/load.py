"""A merchant with six tills that never give up, and what must be true of everything that they were told."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

from tests.faults.installation import until
from tests.faults.webhooks import invariants
from tests.faults.webhooks.site import stretched
from tests.patient_client import PATIENCE, PatientClient

from .stack import Stack

TILLS = 6
PAUSE_S = 3.0
COINS, COST, WORTH = 10, 4, 5
ANSWERED = {200, 201}


class Merchant(PatientClient):
    """``busy()`` keeps its tills at work; ``check()`` afterwards."""

    def __init__(self, stack: Stack, node: str, receiver_port: int) -> None:
        super().__init__()
        self.stack, self.node = stack, node
        self.port, self.key = stack.port, stack.demo["apiKey"]
        self.conversions: dict[str, dict] = {}
        """friend -> the answer"""
        self.redemptions: dict[str, list[dict]] = defaultdict(list)
        self.activities: dict[str, list[str]] = defaultdict(list)
        """user -> the ids of what was recorded"""
        # an endpoint is told what is dispatched once it is there, and the demo merchant has only just been made
        self.until_dispatched()
        endpoint = self.post(
            "/webhooks", {"url": f"http://127.0.0.1:{receiver_port}/hooks", "events": ["*"]}, once="hook"
        )
        self.secret = endpoint["secret"]
        rules = {"rewardModel": "FIXED", "rewardValue": WORTH, "referralType": "TWO_SIDED", "refereeRewardValue": 2.5}
        made = {"name": "Scale-out", "status": "ACTIVE", "currency": "USD", "firstTimeUserOnly": False} | rules
        self.campaign = self.post("/campaigns", made, once="campaign")["id"]
        asked = [{"campaignId": self.campaign, "referrerId": f"referrer-{place}"} for place in range(4)]
        self.codes = [self.post("/referrals", one)["referralCode"] for one in asked]
        self.post(
            "/incentives/actions", {"key": "visit", "name": "Visit", "type": "STANDARD", "coins": COINS}, once="visit"
        )
        sold = {"title": "Tea", "coinCost": COST, "inventory": 10_000, "codePrefix": "TEA"}
        self.listing = self.post("/incentives/marketplace/listings", sold, once="listing")["id"]
        others = {"title": "Cake", "coinCost": COST, "inventory": 10_000, "codePrefix": "CAKE"}
        self.other_listing = self.post("/incentives/marketplace/listings", others, once="others")["id"]

    # --- what a client does -------------------------------------------------------------------------------------------
    def patience(self) -> float:
        return stretched(PATIENCE)

    def serve(self, place: int) -> None:
        """One customer: a conversion, a visit, a redemption, and the list in which the conversion must stand."""
        friend, body = (
            f"friend-{place}",
            {"referralCode": self.codes[place % 4], "refereeId": f"friend-{place}", "amount": 20},
        )
        once = f"conversion {place}"
        answer = self.post("/conversions", body, once=once)
        if place % 5 == 0:
            again = self.post("/conversions", body, once=once)
            assert again == answer, (again, answer)
        self.conversions[friend] = answer
        listed = self.get(f"/conversions?refereeId={friend}")
        assert [one["id"] for one in listed["conversions"]] == [answer["conversionId"]], (
            "a list knows what was answered"
        )

        user = f"user-{place % TILLS}"
        visit = {"userId": user, "actionKey": "visit", "idempotencyKey": f"visit {place}"}
        visited = [self.post("/incentives/events", visit) for _ in range(2)]
        ids = {one["eventId"] for one in visited}
        assert len(ids) == 1, visited
        self.activities[user] += ids
        bought = self.post(
            "/incentives/marketplace/redeem", {"listingId": self.listing, "userId": user}, once=f"tea {place}"
        )
        self.redemptions[user].append(bought)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """The tills serve while the block runs."""
        places, enough = count(), threading.Event()

        def work() -> None:
            while not enough.is_set():
                self.serve(next(places))
                enough.wait(PAUSE_S)  # a few hundred calls are enough, and leave room for the parts and the programs

        with ThreadPoolExecutor(TILLS) as tills:
            self.working = [tills.submit(work) for _ in range(TILLS)]
            try:
                self.more(3)
                yield
                self.more(6)
            finally:
                enough.set()
        for each in self.working:
            each.result()

    def more(self, customers: int) -> None:
        """Waits until so many more have been served."""
        wanted = self.served + customers
        until(
            lambda: self.served >= wanted or any(each.done() for each in self.working), f"{customers} more are served"
        )
        for each in self.working:
            if each.done():
                each.result()

    @property
    def served(self) -> int:
        return sum(map(len, self.redemptions.values()))

    # --- what must be true --------------------------------------------------------------------------------------------
    def check(self) -> list[str]:
        """Raises ``AssertionError``; answers what was found to be true, in words."""
        rows = self.stack.primary.rows
        kept = rows("SELECT referee_id, id FROM referrals_conversion WHERE campaign_id = %s", [self.campaign])
        assert sorted(kept) == sorted((friend, one["conversionId"]) for friend, one in self.conversions.items())
        pairs = "SELECT count(*), count(DISTINCT (conversion_id, side)) FROM referrals_reward WHERE campaign_id = %s"
        rewards = rows(pairs, [self.campaign])
        assert rewards == [(2 * len(kept), 2 * len(kept))], rewards
        codes = rows("SELECT user_id, code FROM marketplace_redemption WHERE listing_id = %s", [self.listing])
        told = [(user, one["discountCode"]) for user, some in self.redemptions.items() for one in some]
        assert sorted(codes) == sorted(told) and len(set(codes)) == len(codes)
        for user, bought in self.redemptions.items():
            wanted = COINS * len(self.activities[user]) - COST * len(bought)
            assert self.get(f"/incentives/balances/{user}")["coins"] == wanted, user
        verified = self.get("/incentives/ledger/verify")
        assert verified["ok"] and not verified["drift"], verified
        said = [
            f"{len(kept)} conversions, {sum(map(len, self.activities.values()))} visits and {len(codes)} redemptions: each that was "
            "answered is there once, and nothing else is; balances are right to the coin",
            "`GET /v1/incentives/ledger/verify`: ok",
        ]
        return said + self.check_webhooks()

    def until_dispatched(self) -> None:
        waiting = "SELECT count(*) FROM events_event WHERE dispatched_at IS NULL"
        rows = self.stack.primary.rows
        until(lambda: rows(waiting) == [(0,)], "every event is dispatched", stretched(PATIENCE))

    def check_webhooks(self) -> list[str]:
        app = self.stack.primary.rows("SELECT app_id FROM referrals_campaign WHERE id = %s", [self.campaign])[0][0]
        # what happened before the endpoint was there, in the making of the demo merchant, is not for it
        since = "SELECT min(created_at) FROM webhooks_webhookendpoint WHERE app_id = %s"
        events = f"SELECT id FROM events_event WHERE app_id = %s AND recorded_at > ({since})"
        rows = self.stack.primary.rows
        self.until_dispatched()
        wanted = {id for (id,) in rows(events, [app, app])}
        truth = self.stack.folder / "truth.jsonl"
        until(
            lambda: wanted <= {one.id for one in invariants.read(truth)},
            "every event has reached the merchant",
            stretched(PATIENCE),
        )
        heard = invariants.read(truth)
        unverified = invariants.badly_signed(heard, {"/hooks": [self.secret]}, self.node)
        assert not unverified, unverified[:3]
        bodies, ids = defaultdict(set), defaultdict(set)
        for one in heard:
            bodies[one.id].add(one.body)
            ids[one.mark, json.loads(one.body)["event"]].add(one.id)
        assert set(bodies) == wanted, "nothing was sent that did not happen"
        assert all(len(versions) == 1 for versions in bodies.values()), (
            "a message that is sent again has the same bytes"
        )
        for secret in (self.secret, self.stack.demo["apiKey"]):
            assert secret not in self.stack.words(), "a secret is in a log"
        feed = [event["id"] for event in self.events()]
        assert len(feed) == len(set(feed)) and wanted <= set(feed)
        return [
            f"{len(wanted)} events, each received: {len(heard)} requests, {len(heard) - len(wanted)} of them again with the same id "
            f"and bytes; all verify (four ways)",
        ]
