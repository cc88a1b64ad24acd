"""Conversions in the dashboard: to be reconciled with orders, explained, and taken back."""

import csv
import io

import pytest

from incenta.accounts.models import Role
from tests.dashboard.conftest import body, sign_in, statements

pytestmark = pytest.mark.django_db

FIXED = {"rewardModel": "FIXED", "rewardValue": 10}


def shown(owner, url, query: str) -> list[str]:
    rows = csv.DictReader(io.StringIO(body(owner.get(url(f"conversions/?export=csv&{query}"))).lstrip("\ufeff")))
    return [row["refereeId"] for row in rows]


def test_the_list_finds_what_an_order_book_asks_for(himal, owner, url):
    assert "No conversion yet" in body(owner.get(url("conversions/")))
    spring, autumn = himal.campaign(**FIXED), himal.campaign(**FIXED, name="Autumn", currency="JPY")
    code, other = himal.code(spring), himal.code(autumn, "tara")
    first = himal.convert(code, "bikram", 49.99, externalId="order-1", metadata={"shop": "Thamel"})
    himal.convert(other, "chandra", 9000)
    himal.convert(code, "asha", 20)  # herself: flagged
    gone = himal.convert(code, "deepa", 30)["conversionId"]
    himal.post(f"/conversions/{gone}/reverse", {"reason": "returned"})

    page = body(owner.get(url("conversions/")))
    for words in ("order-1", "USD 49.99", "JPY 9,000", "Flagged", "Reversed", "USD 30.00 back", code):
        assert words in page, words
    assert shown(owner, url, "") == ["deepa", "asha", "chandra", "bikram"]
    assert shown(owner, url, "q=order-1") == ["bikram"]
    assert shown(owner, url, "q=bik") == ["bikram"]
    assert shown(owner, url, f"q={other.lower()}") == ["chandra"]
    assert shown(owner, url, f"q={first['conversionId']}") == ["bikram"]
    assert shown(owner, url, "status=FLAGGED&status=REVERSED") == ["deepa", "asha"]
    assert shown(owner, url, f"campaign={autumn}") == ["chandra"]
    assert shown(owner, url, "least=30") == ["deepa", "chandra", "bikram"]
    assert shown(owner, url, "least=30&most=49.99") == ["deepa", "bikram"]
    assert shown(owner, url, "from=2020-01-01") == ["deepa", "asha", "chandra", "bikram"]
    assert shown(owner, url, "to=2020-01-01") == []
    for lost in ("status=LOST", "least=much", "from=soon", "most=-1"):
        assert "not understood" in body(owner.get(url(f"conversions/?{lost}"))), lost
    assert "No conversion matches" in body(owner.get(url("conversions/?q=nobody")))


def test_a_page_says_what_was_decided_and_why(himal, owner, url):
    campaign = himal.campaign(
        rewardModel="PERCENTAGE", rewardValue=10, rewardCap=4, budget=500, maxRewardsPerReferrer=5
    )
    code = himal.code(campaign)
    made = himal.convert(code, "bikram", 80, externalId="order-1", metadata={"shop": "<b>Thamel</b>"})
    himal.patch(f"/campaigns/{campaign}", {"rewardValue": 12})
    page = body(owner.get(url(f"conversions/{made['conversionId']}/")))
    for words in (
        "USD 80.00", "order-1", "&lt;b&gt;Thamel&lt;/b&gt;", "Referrer: asha, 10 % of the order",
        "USD 4.00 (capped, would be USD 8.00)", "USD 500.00 was left", "version 1 of its rules", "it is at 2 now",
        "The friend&#x27;s first in this campaign", "REFERRAL_CONVERTED", "no webhook on record", "asha earned USD 4.00",
        "by API key “tests”", "&quot;trace&quot;", made["rewardId"],
    ):  # fmt: skip
        assert words in page, words
    assert "<b>Thamel" not in page


def test_who_was_told_stands_beside_what_happened(himal, owner, url):
    from incenta.events import dispatch

    himal.post("/webhooks", {"url": "https://hooks.himal.example/in", "events": ["REWARD_CREATED"]})
    made = himal.convert(himal.code(himal.campaign(**FIXED)))
    dispatch.dispatch()
    page = body(owner.get(url(f"conversions/{made['conversionId']}/")))
    assert "REWARD_CREATED, told to 1 endpoint" in page
    assert "https://hooks.himal.example/in" in page
    assert "/webhooks/deliveries/dlv_" in page
    analyst = sign_in(himal.app.merchant, Role.ANALYST)
    assert "/webhooks/deliveries/" not in body(analyst.get(url(f"conversions/{made['conversionId']}/")))


def test_risk_is_told_to_those_who_review_it(himal, owner, url):
    made = himal.convert(himal.code(himal.campaign(**FIXED)), "asha")
    where = url(f"conversions/{made['conversionId']}/")
    page = body(owner.get(where))
    why = "The referrer and the referred friend are the same user."
    for words in ("It waits for review", "Open the case", why, "Suspected, risk 100"):
        assert words in page, words
    page = body(sign_in(himal.app.merchant, Role.DEVELOPER).get(where))
    assert "It waits for review" in page
    assert "Open the case" not in page
    assert "Suspected" not in page


def test_it_is_taken_back_after_a_look_at_what_follows(himal, owner, url):
    made = himal.convert(himal.code(himal.campaign(**FIXED)))
    himal.post(f"/rewards/{made['rewardId']}/pay")
    where = url(f"conversions/{made['conversionId']}/reverse/")
    page = body(owner.post(where, {"amount": "20", "reason": "One shirt came back"}))
    assert "USD 4.00 of asha is taken back; USD 6.00 stays. It was paid already: asha owes USD 4.00" in page
    assert "USD 30 would stay" in page
    assert "Nothing has happened yet" in page
    assert himal.app.conversions.get().reversed_minor == 0

    page = body(owner.post(where, {"amount": "20", "reason": "One shirt came back", "sure": "yes"}, follow=True))
    assert "Taken back. 1 reward followed" in page
    assert "USD 20.00 taken back" in page
    assert "One shirt came back" in page
    assert himal.app.conversions.get().reversed_minor == 2000
    assert himal.app.rewards.get().reversed_minor == 400

    page = body(owner.post(where, {"amount": "", "reason": "All of it", "sure": "yes"}, follow=True))
    assert himal.app.conversions.get().status == "REVERSED"
    assert "Take it back" not in page


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"amount": "20", "reason": ""}, "errorlist"),
        ({"amount": "x", "reason": "r"}, "number"),
        ({"amount": "0", "reason": "r"}, "Must be over 0."),
        ({"amount": "51", "reason": "r"}, "Only USD 50.00 of this conversion is left to reverse."),
        ({"amount": "1.005", "reason": "r"}, "2 decimals"),
        ({"amount": "-1", "reason": "r"}, "negative"),
    ],
)
def test_what_the_api_refuses_the_page_refuses(himal, owner, url, sent, told):
    made = himal.convert(himal.code(himal.campaign(**FIXED)))
    answer = owner.post(url(f"conversions/{made['conversionId']}/reverse/"), sent | {"sure": "yes"})
    assert answer.status_code == 422
    assert told in body(answer)
    assert himal.app.conversions.get().reversed_minor == 0


def test_only_who_pays_takes_back(himal, url):
    made = himal.convert(himal.code(himal.campaign(**FIXED)))
    for role in (Role.ANALYST, Role.DEVELOPER):
        browser = sign_in(himal.app.merchant, role)
        assert "Take it back" not in body(browser.get(url(f"conversions/{made['conversionId']}/")))
        sent = {"reason": "mine", "sure": "yes"}
        assert browser.post(url(f"conversions/{made['conversionId']}/reverse/"), sent).status_code == 403
    assert himal.app.conversions.get().status == "CONVERTED"


def test_the_list_costs_the_same_with_ten_and_with_sixty(himal, owner, url):
    campaign = himal.campaign(**FIXED)

    def cost() -> int:
        sent = statements(owner, url("conversions/"))
        assert not any('FROM "REFERRALS_CONVERSION"' in sql.upper() and "COUNT(*)" in sql.upper() for sql in sent)
        return len(sent)

    counts = []
    for target in (10, 60):
        while (made := himal.app.conversions.count()) < target:
            himal.convert(himal.code(campaign, f"referrer {made}"), f"friend {made}")
        counts.append(cost())
    assert counts[0] == counts[1] <= 12
