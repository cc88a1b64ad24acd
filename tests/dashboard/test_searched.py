"""Lists that no index serves for what is asked: a page looks through so many rows, says how far back it came, and goes on there."""

import re

import pytest

from incentives.dashboard.redemptions import Redemptions
from referrals.dashboard.rewards import Rewards
from tests.dashboard.conftest import body

pytestmark = pytest.mark.django_db


@pytest.fixture
def short(monkeypatch):
    for page in (Rewards, Redemptions):
        monkeypatch.setattr(page, "reach", 3)


def older(page: str) -> str:
    return re.search(r'href="[^"]*\?([^"]*after=[^"]*)"', page)[1].replace("&amp;", "&")


def test_what_no_index_serves_is_looked_for_page_by_page(himal, owner, url, short):
    first, second = himal.campaign(name="First"), himal.campaign(name="Second")
    rewarded = himal.convert(himal.code(first), "bikram")["rewardId"]
    for place in range(5):
        himal.convert(himal.code(second, f"sharer {place}"), f"friend {place}")
    page = body(owner.get(url(f"rewards/?campaign={first}")))
    assert "Nothing so far" in page and "Look further back" in page
    page = body(owner.get(url(f"rewards/?{older(page)}")))
    assert rewarded in page
    # the download is of everything that fits, however far back
    assert rewarded in body(owner.get(url(f"rewards/?campaign={first}&export=csv")))


def test_what_an_index_serves_is_found_at_once(himal, owner, url, short):
    campaign = himal.campaign()
    rewarded = himal.convert(himal.code(campaign), "bikram")["rewardId"]
    himal.post(f"/rewards/{rewarded}/cancel", {"reason": "Returned"})
    for place in range(5):
        himal.convert(himal.code(campaign, f"sharer {place}"), f"friend {place}")
    for query in ("status=CANCELLED", "user=asha", f"status=CANCELLED&campaign={campaign}", "status=CANCELLED&held=no"):
        assert rewarded in body(owner.get(url(f"rewards/?{query}"))), query


def test_redemptions_that_wait_are_found_wherever_they_stand(himal, owner, url, short):
    himal.post("/incentives/adjustments", {"userId": "asha", "coins": 100, "reason": "Thanks"})
    mug = himal.post("/incentives/catalog", {"name": "Mug", "coinCost": 1})["id"]
    ids = [himal.post("/incentives/redeem", {"userId": "asha", "itemId": mug})["redemptionId"] for _ in range(5)]
    for done in ids[1:]:
        himal.patch(f"/incentives/redemptions/{done}", {"status": "FULFILLED"})
    assert ids[0] in body(owner.get(url("incentives/redemptions/?status=PENDING")))
    both = body(owner.get(url("incentives/redemptions/?status=PENDING&status=CANCELLED")))
    assert "Nothing so far" in both
    assert ids[0] in body(owner.get(url(f"incentives/redemptions/?{older(both)}")))
