"""A busy day: everything that can happen to redemptions happens at once, and at the end of it all accounts are right."""

import random
from collections import Counter

import pytest

from incenta.database import sql
from marketplace import expiring
from marketplace.models import ListingCode, ListingStock, Redemption
from tests.cast import Caller, at_once
from tests.marketplace.stalls import books_are_right, cancels, earns, fulfils, opens, redeems, sells, statement

pytestmark = pytest.mark.django_db(transaction=True)

THREADS, EACH = 12, 14
STOCK, POOL = 25, 12
USERS = ("chandra", "deepa", "elina")
REFUSED = {
    *("out_of_stock", "user_limit", "insufficient_balance", "already_fulfilled", "redemption_cancelled"),
    *("redemption_expired", "redemption_fulfilled"),
}


def test_everything_at_once(transactional_db, himal, rival):
    opens(himal)
    opens(rival)
    for user in USERS:
        earns(himal, user, 1_500)
    coffee = sells(rival, "Coffee", coinCost=31, inventory=STOCK, validDays=5, coinRate=0.0137)
    cake = sells(
        rival, "Cake", coinCost=17, codes=[f"CAKE-{place}" for place in range(POOL)], maxPerUser=6, validDays=5
    )
    keep = sells(rival, "Workshop", coinCost=90, inventory=STOCK, onExpiry="KEEP", validDays=5, coinRate=0.02)
    made = [redeems(himal, listing, user) for listing in (coffee, cake, keep) for user in USERS]
    codes = [each["discountCode"] for each in made]
    ids = [each["redemptionId"] for each in made]
    # three of them are due
    sql.execute("UPDATE marketplace_redemption SET expires_at = redeemed_at WHERE id = ANY(%(ids)s)", {"ids": ids[::3]})

    def act(thread: int) -> list:
        chance = random.Random(thread)
        told = []
        for _ in range(EACH):
            match chance.randrange(6):
                case 0 | 1:
                    sent = {"listingId": chance.choice((coffee, cake, keep)), "userId": chance.choice(USERS)}
                    answer = himal.post("/incentives/marketplace/redeem", sent)
                    if answer.status == 201:
                        codes.append(answer["discountCode"])
                        ids.append(answer["redemptionId"])
                    told.append(answer)
                case 2:
                    told.append(fulfils(rival, chance.choice(codes)))
                case 3:
                    told.append(cancels(chance.choice((himal, rival)), chance.choice(ids)))
                case 4:
                    expiring.expire_all()
                case 5:
                    assert statement(chance.choice((himal, rival))).status == 200
        return told

    answers = at_once(THREADS, act)

    for told in answers:
        assert not isinstance(told, BaseException), told
        for answer in told:
            assert answer.status in (200, 201) or (answer.status, answer["code"] in REFUSED) == (409, True), answer
    expiring.expire_all()
    rows = list(Redemption.objects.values_list("code_key", "listing_id", "status", "user_id", "coin_cost", "on_expiry"))
    assert len({code for code, *_ in rows}) == len(rows) == len(ids)
    spent = Counter()
    for _, _, status, user, cost, on_expiry in rows:
        if status in ("PENDING", "FULFILLED") or (status == "EXPIRED" and on_expiry == "KEEP"):
            spent[user] += cost
    for user in USERS:
        assert himal.get(f"/incentives/balances/{user}")["coins"] == 1_500 - spent[user]
    live = Counter(listing for _, listing, status, *_ in rows if status in ("PENDING", "FULFILLED"))
    for listing in (coffee, keep):
        assert ListingStock.objects.get(listing_id=listing).left == STOCK - live[listing]
    given = sum(listing == cake for _, listing, *_ in rows)
    assert ListingCode.objects.filter(listing_id=cake, redemption_id=None).count() == POOL - given
    books_are_right(himal.app, rival.app)
    ours, theirs = (statement(shop) for shop in (himal, rival))
    assert ours["totals"][0]["net"] == -theirs["totals"][0]["net"]
    told_once(himal, rival)


def told_once(himal: Caller, rival: Caller) -> None:
    """Each end of a redemption is told to each party once."""
    for shop in (himal, rival):
        for kind, statuses in (("FULFILLED", ["FULFILLED"]), ("CANCELLED", ["CANCELLED", "EXPIRED"])):
            told = shop.app.events.filter(type=f"MARKETPLACE_REDEMPTION_{kind}").values_list("subject_id", flat=True)
            ended = Redemption.objects.filter(status__in=statuses).values_list("pk", flat=True)
            assert sorted(told) == sorted(ended)


def test_what_costs_nothing_today_is_redeemed_and_taken_back(transactional_db, himal, rival):
    opens(himal)
    opens(rival)
    earns(himal, "chandra", 5)
    gift = sells(rival, "Gift", coinCost=500, inventory=1)
    for percent, ends in ((100, "2099-01-01T00:00:00Z"), (30, "2099-01-01T00:00:00Z")):
        sent = {"listingId": gift, "percentOff": percent, "endsAt": ends}
        assert rival.post("/incentives/marketplace/promotions", sent).status == 201
    redeemed = redeems(himal, gift, "chandra")
    assert redeemed["coinCost"] == 0 and redeemed["balances"]["coins"] == 5
    assert himal.post("/incentives/marketplace/redeem", {"listingId": gift, "userId": "asha"})["code"] == "out_of_stock"
    assert cancels(rival, redeemed["redemptionId"]).status == 200
    again = redeems(himal, gift, "chandra")
    assert again["discountCode"] != redeemed["discountCode"]
    assert statement(himal)["entries"] == []
    books_are_right(himal.app, rival.app)
