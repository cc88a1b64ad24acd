"""Real orders and cancellations of a shop, lived through by eight threads: every penny equals what the file alone says.

Each customer is referred by an earlier one, the first order converts, later orders are repeats, and a cancellation takes
back the customer's converted order in proportion. See ``tests/data/README.md`` for the orders and their licence.
"""

import csv
import threading
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest
from django.db.models import F, Sum

from referrals import stats
from referrals.models import Conversion, Reward
from tests.cast import at_once
from tests.referrals.promises import books_are_right, money, nothing_moves

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = Path(__file__).parent.parent / "data" / "online-retail-orders.csv"
CENT, PERCENT, CAP, FRIENDS_PERCENT = Decimal("0.01"), Decimal(5), Decimal(25), Decimal("2.5")


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def test_every_penny_of_real_orders(himal, no_deadlocks):
    rows = list(csv.DictReader(ORDERS.open()))
    assert len(rows) == 300
    newcomers = list(
        dict.fromkeys(row["customer_id"] for row in rows if row["kind"] == "order" and Decimal(row["total_gbp"]) > 0)
    )
    referrer_of = {customer: newcomers[(place - 1) // 3] for place, customer in enumerate(newcomers) if place}
    lives: dict[str, list] = defaultdict(list)
    for row in rows:
        lives[row["customer_id"]].append(row)

    campaign = himal.campaign(
        rewardValue=5, rewardCap=25, currency="GBP", referralType="TWO_SIDED", refereeRewardValue=2.5, budget=100_000
    )
    codes = {referrer: himal.code(campaign, referrer) for referrer in sorted(set(referrer_of.values()))}
    counts: Counter = Counter()
    kept: dict[str, list[Decimal]] = {}
    calls: list[tuple] = []
    guard = threading.Lock()

    def live(customer: str) -> None:
        conversion_id = None
        for row in lives[customer]:
            amount = Decimal(row["total_gbp"])
            if row["kind"] == "order" and amount > 0 and customer in referrer_of:
                body = {
                    "referralCode": codes[referrer_of[customer]],
                    "refereeId": customer,
                    "amount": float(amount),
                    "externalId": row["invoice_no"],
                    "occurredAt": row["ordered_at"],
                    "metadata": {"lines": int(row["lines"])},
                }
                answer = himal.post("/conversions", body)
                with guard:
                    counts["order", answer.status] += 1
                    calls.append((body, answer))
                if conversion_id is None:
                    conversion_id, kept[customer] = answer["conversionId"], [amount, Decimal(0)]
                    assert Decimal(str(answer["rewardAmount"])) == min(cents(amount * PERCENT / 100), CAP)
                else:
                    assert answer["details"] == {"conversionId": conversion_id}
            elif row["kind"] == "cancellation" and conversion_id:
                back = min(-amount, kept[customer][0] - kept[customer][1])
                if back > 0:
                    body = {"amount": float(back), "reason": f"cancelled by {row['invoice_no']}"}
                    answer = himal.post(f"/conversions/{conversion_id}/reverse", body)
                    with guard:
                        counts["cancellation", answer.status] += 1
                    kept[customer][1] += back

    queue: SimpleQueue = SimpleQueue()
    for customer in lives:
        queue.put(customer)

    def work(place: int) -> None:
        while True:
            try:
                customer = queue.get_nowait()
            except Empty:
                return
            live(customer)
            if place == 0:
                stats.fold(50)

    assert at_once(8, work) == [None] * 8

    repeats = sum(1 for customer in referrer_of for row in lives[customer] if row["kind"] == "order") - len(referrer_of)
    assert counts["order", 201] == len(referrer_of) == len(kept) and counts["order", 409] == repeats
    assert counts["cancellation", 200] >= 5 and sum(counts.values()) == len(calls) + counts["cancellation", 200]

    def worth(amount: Decimal, back: Decimal, percent: Decimal) -> Decimal:
        return cents(min(cents(amount * percent / 100), CAP) * (1 - back / amount))

    told = himal.get(f"/stats?campaignId={campaign}")
    assert told["totalReferrals"] == len(codes)
    assert told["totalConversions"] == sum(1 for amount, back in kept.values() if back < amount)
    expected = sum(worth(*pair, PERCENT) + worth(*pair, FRIENDS_PERCENT) for pair in kept.values())
    assert Decimal(str(told["totalRewardValue"])) == expected
    earned: Counter = Counter()
    for customer, pair in kept.items():
        earned[referrer_of[customer]] += int(worth(*pair, PERCENT) * 100)
        earned[customer] += int(worth(*pair, FRIENDS_PERCENT) * 100)
    assert {user: money(himal.app, user, "GBP") for user in earned} == {
        user: (0, minor) for user, minor in earned.items()
    }
    left = Reward.objects.exclude(status="CANCELLED").aggregate(sum=Sum(F("amount_minor") - F("reversed_minor")))["sum"]
    assert left == expected * 100
    for conversion in Conversion.objects.all():
        amount, back = kept[conversion.referee_id]
        assert (conversion.amount_minor, conversion.reversed_minor) == (amount * 100, back * 100)
    with nothing_moves(himal.app):  # the whole file once more: every order is answered as at first
        for body, first in calls[:60]:
            again = himal.post("/conversions", body)
            assert (again.status, again.json.get("conversionId")) == (
                (200 if first.status == 201 else 409),
                first.json.get("conversionId"),
            )
    books_are_right(himal.app)
