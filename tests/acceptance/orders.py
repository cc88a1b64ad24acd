"""Real orders and cancellations of a shop, sent to an installation as its backend would: every penny is as the file alone says.

    INCENTA_URL=http://127.0.0.1:8000 INCENTA_KEY=inc_live_… python -m tests.acceptance.orders

Standard library only; nothing that is refused or lost is sent again. Each customer of ``tests/data/online-retail-orders.csv`` is
referred by an earlier one, the first order converts, later ones are repeats, and a cancellation takes back the converted order in
proportion. What that should have cost is worked out here, in exact decimals, and compared with what the server says.
"""

import argparse
import csv
import json
import os
import sys
import threading
import urllib.error
import urllib.request
import uuid
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

ORDERS = Path(__file__).parents[1] / "data" / "online-retail-orders.csv"
CENT, PERCENT, CAP = Decimal("0.01"), Decimal(5), Decimal(25)
RULES = {
    "status": "ACTIVE", "referralType": "ONE_SIDED", "rewardModel": "PERCENTAGE", "rewardValue": 5, "rewardCap": 25,
    "currency": "GBP", "firstTimeUserOnly": True, "conversionWindowDays": None, "holdDays": 0, "fulfillmentType": "MANUAL",
}  # fmt: skip
FLAGGED_AT_MOST = 0.01
"""Of honest orders."""


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def reward_for(amount: Decimal) -> Decimal:
    return min(cents(amount * PERCENT / 100), CAP)


class Shop:
    """A merchant's backend with ``workers`` threads, each of which lives one customer's life at a time."""

    def __init__(self, base: str, key: str) -> None:
        self.base, self.key = base, key
        self.run = uuid.uuid4().hex[:8]
        self.counts: Counter[str] = Counter()
        self.wrong: list[tuple] = []
        self.kept: dict[str, list[Decimal]] = {}
        """customer -> what converted, and what of it was taken back"""
        self.flagged: set[str] = set()
        self.codes: dict[str, str] = {}
        self.guard = threading.Lock()
        self.lives: dict[str, list[dict]] = defaultdict(list)
        rows = list(csv.DictReader(ORDERS.open()))
        for row in rows:
            self.lives[row["customer_id"]].append(row)
        new = list(dict.fromkeys(row["customer_id"] for row in rows if is_order(row)))
        self.referrer_of = {customer: new[(place - 1) // 3] for place, customer in enumerate(new) if place}
        _, made = self.call("POST", "/campaigns", {"name": f"Orders {self.run}"} | RULES)
        self.campaign = made["id"]

    def call(self, method: str, path: str, body: object = None) -> tuple[int, dict]:
        request = urllib.request.Request(
            f"{self.base}/v1{path}",
            None if body is None else json.dumps(body).encode(),
            {"x-api-key": self.key, "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            text = refusal.read().decode(errors="replace")
            try:
                return refusal.code, json.loads(text)
            except ValueError:
                return refusal.code, {"error": text[:200]}

    def code_of(self, referrer: str) -> str:
        with self.guard:
            if referrer not in self.codes:
                wish = {"campaignId": self.campaign, "referrerId": f"{self.run}-{referrer}"}
                self.codes[referrer] = self.call("POST", "/referrals", wish)[1]["referralCode"]
            return self.codes[referrer]

    def live(self, customer: str) -> None:
        """One customer's orders and cancellations, in their order."""
        try:
            conversion = ""
            for row in self.lives[customer]:
                if is_order(row) and customer in self.referrer_of:
                    conversion = self.order(customer, row, conversion)
                elif row["kind"] == "cancellation" and conversion:
                    self.cancel(customer, row, conversion)
        except Exception as error:  # a life that ends early must fail the run, not shorten it
            self.wrong.append(("a life", customer, repr(error)))
        with self.guard:
            self.counts["lives"] += 1
            if self.counts["lives"] % 25 == 0:
                print(f"{self.counts['lives']} of {len(self.lives)} customers", flush=True)

    def order(self, customer: str, row: dict, conversion: str) -> str:
        amount = Decimal(row["total_gbp"])
        sent = {
            "referralCode": self.code_of(self.referrer_of[customer]), "refereeId": f"{self.run}-{customer}",
            "amount": float(amount), "externalId": f"{self.run}-{row['invoice_no']}", "occurredAt": row["ordered_at"],
            "metadata": {"lines": int(row["lines"])},
        }  # fmt: skip
        status, answer = self.call("POST", "/conversions", sent)
        self.counts[f"order {status}"] += 1
        if conversion:
            if status != 409 or answer.get("code") != "already_converted":
                self.wrong.append(("a repeated order", row, status, answer))
            return conversion
        if status != 201 or Decimal(str(answer.get("rewardAmount"))) != reward_for(amount):
            self.wrong.append(("a first order", row, status, answer))
            return ""
        if answer["status"] == "FLAGGED":  # it waits for review, and is not counted until it is cleared
            self.flagged.add(customer)
        self.kept[customer] = [amount, Decimal(0)]
        return answer["conversionId"]

    def cancel(self, customer: str, row: dict, conversion: str) -> None:
        amount, back = self.kept[customer]
        more = min(-Decimal(row["total_gbp"]), amount - back)
        if more <= 0:
            return
        sent = {"amount": float(more), "reason": f"cancelled by {row['invoice_no']}"}
        status, answer = self.call("POST", f"/conversions/{conversion}/reverse", sent)
        self.counts[f"cancellation {status}"] += 1
        if status != 200:
            self.wrong.append(("a cancellation", row, status, answer))
            return
        self.kept[customer][1] += more

    def compare(self) -> str:
        """What the server says of it all, in words; what is not as it should be goes to ``wrong``."""
        counted = [pair for customer, pair in self.kept.items() if customer not in self.flagged]
        value = sum((cents(reward_for(amount) * (1 - back / amount)) for amount, back in counted), Decimal(0))
        wanted = {
            "totalConversions": sum(back < amount for amount, back in counted),
            "totalReferrals": len(self.codes),
            "totalRewardValue": float(value),
        }
        _, stats = self.call("GET", f"/stats?campaignId={self.campaign}")
        self.wrong += [(name, stats.get(name), wish) for name, wish in wanted.items() if stats.get(name) != wish]
        if len(self.flagged) > FLAGGED_AT_MOST * len(self.kept):
            self.wrong.append(("honest orders that are held", len(self.flagged), len(self.kept)))
        return f"{dict(self.counts)}; rewards {stats.get('totalRewardValue')}, from the file {value}"


def is_order(row: dict) -> bool:
    return row["kind"] == "order" and Decimal(row["total_gbp"]) > 0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--workers", type=int, default=4)
    shop = Shop(os.environ.get("INCENTA_URL", "http://127.0.0.1:8000"), os.environ["INCENTA_KEY"])
    with ThreadPoolExecutor(options.parse_args().workers) as workers:
        list(workers.map(shop.live, shop.lives))
    print(shop.compare())
    for problem in shop.wrong[:10]:
        print("WRONG", *problem)
    print(f"{len(shop.wrong)} are wrong" if shop.wrong else "all agree")
    return bool(shop.wrong)


if __name__ == "__main__":
    sys.exit(main())
