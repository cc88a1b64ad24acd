"""Codes in the dashboard: all of an app, and the story of one from its creation to the payout."""

import csv
import io
import re

import pytest

from referrals.dashboard import story
from tests.dashboard.conftest import body, sign_in, statements

pytestmark = pytest.mark.django_db

FIXED = {"rewardModel": "FIXED", "rewardValue": 10}


def shown(owner, url, query: str) -> list[str]:
    rows = csv.DictReader(io.StringIO(body(owner.get(url(f"referrals/?export=csv&{query}"))).lstrip("\ufeff")))
    return [row["referrerId"] for row in rows]


def told(page: str) -> list[str]:
    """What the story tells, in its order."""
    found = re.findall(
        r"<p>(?:<a [^>]*>)?([^<]+)", page[page.index("i-story") : page.index("</ol>", page.index("i-story"))]
    )
    return [text.strip() for text in found]


def test_the_list_finds_a_persons_codes(himal, owner, url):
    assert "No referral yet" in body(owner.get(url("referrals/")))
    spring = himal.campaign(**FIXED)
    over = himal.campaign(**FIXED, name="Over")
    asha, tara = himal.code(spring), himal.code(over, "tara", refereeId="bikram")
    mallory = himal.code(spring, "mallory")
    himal.post("/clicks", {"referralCode": asha})
    himal.convert(asha, "chandra")
    himal.post(f"/referrals/{mallory}/flag", {"reason": "He asked for it"})
    himal.app.campaigns.filter(pk=over).update(end_at="2020-01-01T00:00:00Z")

    page = body(owner.get(url("referrals/")))
    for words in (asha, "tara", "bikram", "anyone", "Over", "Converted", "Flagged", "Expired", "USD 10.00"):
        assert words in page, words
    assert shown(owner, url, "") == ["mallory", "tara", "asha"]
    assert shown(owner, url, "q=as") == ["asha"]
    assert shown(owner, url, "q=bikram") == ["tara"]
    assert shown(owner, url, f"q={tara.lower()}") == ["tara"]
    assert shown(owner, url, f"q={himal.app.referrals.get(referrer_id='asha').pk}") == ["asha"]
    assert shown(owner, url, "status=CONVERTED") == ["asha"]
    assert shown(owner, url, "status=EXPIRED") == ["tara"]
    assert shown(owner, url, "status=PENDING") == []
    assert shown(owner, url, "status=FLAGGED") == ["mallory"]
    assert shown(owner, url, "status=FLAGGED&status=CONVERTED") == ["mallory", "asha"]
    assert shown(owner, url, "flagged=yes") == ["mallory"]
    assert shown(owner, url, "flagged=no") == ["tara", "asha"]
    assert shown(owner, url, f"campaign={over}") == ["tara"]
    assert shown(owner, url, "to=2020-01-01") == []
    for lost in ("status=LOST", "flagged=perhaps", "from=x"):
        assert "not understood" in body(owner.get(url(f"referrals/?{lost}"))), lost
    assert "No referral matches" in body(owner.get(url("referrals/?q=nobody")))


def test_the_story_of_one_code_is_told_in_its_order(himal, owner, url):
    code = himal.code(himal.campaign(**FIXED))
    himal.post("/clicks", {"referralCode": code, "refereeId": "bikram"})
    made = himal.convert(code, "bikram", 50, externalId="order-1")
    himal.post(f"/rewards/{made['rewardId']}/approve")
    himal.post(f"/rewards/{made['rewardId']}/pay", {"payoutReference": "run 7"})
    himal.post(f"/conversions/{made['conversionId']}/reverse", {"reason": "returned", "amount": 20})
    referral = himal.app.referrals.get().pk
    page = body(owner.get(url(f"referrals/{referral}/")))
    assert told(page) == [
        f"asha got the code {code}",
        "bikram followed the link",
        "bikram converted, USD 50.00, order order-1",
        "asha earned USD 10.00",
        "USD 10.00 of asha was approved",
        "asha was paid USD 6.00",
        "USD 20.00 taken back",
    ]
    for id in (referral, made["conversionId"], made["rewardId"], himal.app.clicks.get().pk, "run 7", "returned"):
        assert id in page, id
    assert f"/v1/referrals/{code}" in page
    assert "It waits for the first order" not in page


def test_orders_that_were_imported_come_after_their_code(himal, owner, url):
    code = himal.code(himal.campaign(**FIXED))
    himal.convert(code, "bikram", occurredAt="2020-03-01T10:00:00Z")
    page = body(owner.get(url(f"referrals/{himal.app.referrals.get().pk}/")))
    assert told(page)[0] == f"asha got the code {code}"
    assert "2020-03-01T10:00:00Z" in page


def test_a_code_of_many_clicks_tells_the_newest_and_counts_the_rest(himal, owner, url):
    code = himal.code(himal.campaign(**FIXED))
    for number in range(story.MOST_CLICKS + 5):
        himal.post("/clicks", {"referralCode": code, "refereeId": f"friend {number}"})
    page = body(owner.get(url(f"referrals/{himal.app.referrals.get().pk}/")))
    assert "5 earlier clicks are not told one by one." in page
    assert page.count("followed the link") == story.MOST_CLICKS
    assert "It waits for the first order" in page
    assert code in page[page.index("try-conversion") :]


def test_a_code_is_flagged_by_hand(himal, owner, url):
    code = himal.code(himal.campaign(**FIXED))
    referral = himal.app.referrals.get().pk
    where = url(f"referrals/{referral}/")
    assert "Must have 1 to 300" in body(owner.post(f"{where}flag/", {"reason": " "}, follow=True))
    page = body(owner.post(f"{where}flag/", {"reason": "A coupon site has it"}, follow=True))
    assert f"{code} is flagged" in page
    assert "Suspected, risk 100" in page
    assert "A coupon site has it" in page
    assert himal.convert(code)["status"] == "FLAGGED"


def test_an_erased_or_strange_id_is_simply_not_there(himal, rival, owner, url):
    himal.code(himal.campaign(**FIXED))
    theirs = rival.code(rival.campaign(**FIXED)) and rival.app.referrals.get().pk
    for id in (theirs, "ref_nobody", "x" * 300):
        assert owner.get(url(f"referrals/{id}/")).status_code == 404, id
        assert owner.post(url(f"referrals/{id}/flag/"), {"reason": "x"}).status_code == 404, id
    assert sign_in(rival.app.merchant).get(url(f"referrals/{himal.app.referrals.get().pk}/")).status_code == 404


def test_the_list_costs_the_same_with_ten_codes_and_with_sixty(himal, owner, url):
    campaign = himal.campaign(**FIXED)

    def cost(path: str) -> int:
        sent = statements(owner, url(path))
        assert not any('FROM "REFERRALS_REFERRAL"' in sql.upper() and "COUNT(*)" in sql.upper() for sql in sent)
        return len(sent)

    counts = []
    for target in (10, 60):
        while (made := himal.app.referrals.count()) < target:
            himal.code(campaign, f"user {made}")
        counts.append(cost("referrals/"))
    assert counts[0] == counts[1] <= 12
    first = body(owner.get(url("referrals/")))
    older = re.search(r'href="(\?after=ref_\w+)"', first).group(1)
    assert "user 10" in body(owner.get(url("referrals/") + older))
