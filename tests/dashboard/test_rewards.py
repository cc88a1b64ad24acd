"""Rewards in the dashboard: what is owed, what holds it, and many at once without paying anybody twice."""

import csv
import io
import re

import pytest

from incenta.accounts.models import Role
from tests.cast import at_once
from tests.dashboard.conftest import body, sign_in, statements

pytestmark = pytest.mark.django_db

FIXED = {"rewardModel": "FIXED", "rewardValue": 10}


def earned(himal, count: int, **campaign) -> list[str]:
    """``count`` rewards of USD 10.00, of asha; oldest first."""
    code = himal.code(himal.campaign(**FIXED | campaign))
    return [himal.convert(code, f"friend {number}")["rewardId"] for number in range(count)]


def shown(owner, url, query: str) -> list[str]:
    rows = csv.DictReader(io.StringIO(body(owner.get(url(f"rewards/?export=csv&{query}"))).lstrip("\ufeff")))
    return [row["id"] for row in rows]


def seen_in(page: str) -> str:
    return re.search(r'name="seen" value="([^"]*)"', page).group(1)


def order(browser, where: str, verb: str, ids: list[str] | None = None, told: str = "", query: str = "") -> str:
    """Looks, then does it; answers the page that says what came of it."""
    asked = {"verb": verb} | ({"id": ids} if ids else {"all": "yes"})
    page = body(browser.post(where + query, asked))
    return body(browser.post(where + query, {"verb": verb, "seen": seen_in(page), "told": told}))


def test_the_list_says_what_each_reward_waits_for(himal, owner, url):
    assert "No reward yet" in body(owner.get(url("rewards/")))
    free, paid = earned(himal, 2)
    (waits,) = earned(himal, 1, holdDays=3)
    code = himal.code(himal.campaign(**FIXED), "mallory")
    suspect = himal.convert(code, "mallory")["rewardId"]
    himal.post(f"/rewards/{paid}/pay", {"payoutReference": "run 7"})
    page = body(owner.get(url("rewards/")))
    for words in ("To be approved", "Time for returns", "In fraud review", "run 7", "USD 10.00", "Paid by hand"):
        assert words in page, words
    assert shown(owner, url, "") == [suspect, waits, paid, free]
    assert shown(owner, url, "held=yes") == [suspect, waits]
    assert shown(owner, url, "held=no") == [paid, free]
    assert shown(owner, url, "status=PAID") == [paid]
    assert shown(owner, url, "user=mall") == [suspect]
    assert shown(owner, url, f"user={free}") == [free]
    assert shown(owner, url, "fulfillment=COINS") == []
    campaign = himal.app.rewards.get(pk=waits).campaign_id
    assert shown(owner, url, f"campaign={campaign}") == [waits]
    assert shown(owner, url, "from=2020-01-01&to=2099-01-01&status=PENDING") == [suspect, waits, free]
    assert shown(owner, url, "to=2020-01-01") == []
    for lost in ("status=LOST", "held=perhaps", "from=soon", "to=0001-01-01"):
        assert "not understood" in body(owner.get(url(f"rewards/?{lost}"))), lost
    assert "No reward matches" in body(owner.get(url("rewards/?user=nobody")))


def test_a_day_is_the_readers_day(himal, owner, url):
    owner.user.timezone = "Asia/Kathmandu"
    owner.user.save()
    (reward,) = earned(himal, 1)
    himal.app.rewards.update(created_at="2026-03-01T18:30:00Z")  # past midnight in Kathmandu
    assert shown(owner, url, "from=2026-03-02&to=2026-03-02") == [reward]
    assert shown(owner, url, "from=2026-03-01&to=2026-03-01") == []


def test_many_are_looked_at_then_approved_then_paid_under_one_reference(himal, owner, url):
    ids = earned(himal, 3)
    (held,) = earned(himal, 1, holdDays=3)
    where = url("rewards/batch/")
    page = body(owner.post(where, {"verb": "approve", "id": [*ids, held]}))
    assert "Approve 3 rewards?" in page
    assert "USD 30.00" in page
    assert "On hold: time for returns" in page
    assert "Nothing has happened yet" in page
    assert set(himal.app.rewards.values_list("status", flat=True)) == {"PENDING"}
    done = body(owner.post(where, {"verb": "approve", "seen": seen_in(page)}))
    assert "3 rewards approved" in done
    assert "USD 30.00" in done
    assert himal.app.rewards.filter(status="APPROVED").count() == 3

    page = body(owner.post(where, {"verb": "pay", "id": [*ids, held]}))
    refused = owner.post(where, {"verb": "pay", "seen": seen_in(page), "told": " "})
    assert refused.status_code == 422
    assert "under which reference" in body(refused)
    assert himal.app.rewards.filter(status="PAID").count() == 0
    done = body(owner.post(where, {"verb": "pay", "seen": seen_in(body(refused)), "told": "run 7"}))
    assert "3 rewards marked as paid" in done
    assert set(himal.app.rewards.filter(status="PAID").values_list("payout_reference", "pk")) == {
        ("run 7", id) for id in ids
    }
    actors = himal.app.events.filter(type="REWARD_REDEEMED").values_list("actor", flat=True)
    assert set(actors) == {f"user:{owner.user.pk}"}
    assert "Nothing to do" in body(owner.post(where, {"verb": "pay", "id": ids}))


def test_what_changed_since_one_looked_is_left_alone(himal, owner, url):
    kept, changed = earned(himal, 2)
    where = url("rewards/batch/")
    page = body(owner.post(where, {"verb": "cancel", "id": [kept, changed]}))
    himal.post(f"/rewards/{changed}/approve")
    done = body(owner.post(where, {"verb": "cancel", "seen": seen_in(page), "told": "closing"}))
    assert "1 reward cancelled" in done
    assert "Changed since you looked" in done
    assert himal.app.rewards.get(pk=changed).status == "APPROVED"
    assert himal.app.rewards.get(pk=kept).cancel_reason == "closing"


def test_all_that_match_go_at_once_and_no_others(himal, owner, url):
    mine = earned(himal, 30)
    others = earned(himal, 2, name="Another")
    campaign = himal.app.rewards.get(pk=mine[0]).campaign_id
    done = order(owner, url("rewards/batch/"), "approve", query=f"?campaign={campaign}&status=PENDING")
    assert "30 rewards approved" in done
    assert "USD 300.00" in done
    assert himal.app.rewards.filter(status="APPROVED").count() == 30
    assert set(himal.app.rewards.filter(pk__in=others).values_list("status", flat=True)) == {"PENDING"}
    assert "Select the rewards first" in body(owner.post(url("rewards/batch/"), {"verb": "approve"}))
    assert owner.post(url("rewards/batch/"), {"verb": "give"}).status_code == 400
    assert owner.get(url("rewards/batch/")).status_code == 302


def test_a_debt_is_told_before_anybody_is_paid(himal, owner, url):
    code = himal.code(himal.campaign(**FIXED))
    first = himal.convert(code, "bikram")
    himal.post(f"/rewards/{first['rewardId']}/pay")
    himal.post(
        f"/conversions/{first['conversionId']}/reverse", {"reason": "returned", "amount": 20}
    )  # USD 4 of the reward
    second = himal.convert(code, "tara")["rewardId"]
    page = body(owner.post(url("rewards/batch/"), {"verb": "pay", "id": [second]}))
    assert "USD 4.00 of it settles what people owe you" in page
    done = body(owner.post(url("rewards/batch/"), {"verb": "pay", "seen": seen_in(page), "told": "run 8"}))
    assert "USD 4.00 of it settled" in done
    reward = himal.app.rewards.get(pk=second)
    assert (reward.paid_minor, reward.netted_minor) == (600, 400)


def test_a_made_up_order_touches_nothing(himal, rival, owner, url):
    (mine,) = earned(himal, 1)
    (theirs,) = earned(rival, 1)
    where = url("rewards/batch/")
    for seen in (f"{theirs}:000000000000", f"{mine}:000000000000", "rew_:", "nonsense", f"{mine}:{'x' * 999}", ""):
        assert "Nothing was changed" in body(owner.post(where, {"verb": "pay", "seen": seen, "told": "run"})), seen
    assert "Nothing to do" in body(owner.post(where, {"verb": "pay", "id": [theirs, "rew_nobody"]}))
    assert theirs not in body(owner.post(where, {"verb": "pay", "id": [theirs]}))
    assert {himal.app.rewards.get().status, rival.app.rewards.get().status} == {"PENDING"}


def test_one_rewards_page_tells_its_story_and_moves_it_on(himal, owner, url):
    (reward,) = earned(himal, 1)
    where = f"rewards/{reward}/"
    page = body(owner.get(url(where)))
    for words in (
        "friend 0 converted, USD 50.00",
        "asha earned USD 10.00",
        "Promised",
        "fixed amount",
        "version 1 of its rules",
    ):
        assert words in page, words
    assert "is held until somebody releases it" in body(owner.post(url(f"{where}hold/"), follow=True))
    page = body(owner.get(url(where)))
    assert "Held by hand" in page
    assert "Approve</button>" not in page
    assert "on hold" in body(owner.post(url(f"{where}pay/"), {"reference": "x"}, follow=True))
    assert "is released" in body(owner.post(url(f"{where}release/"), follow=True))
    assert "is approved" in body(owner.post(url(f"{where}approve/"), follow=True))
    assert "is marked as paid" in body(owner.post(url(f"{where}pay/"), {"reference": "run 7"}, follow=True))
    page = body(owner.get(url(where)))
    for words in ("was approved", "asha was paid USD 10.00", "Reference run 7", "Paid out", "by owner@himal.example"):
        assert words in page, words
    assert "was paid" in body(owner.post(url(f"{where}cancel/"), {"reason": "no"}, follow=True))
    assert himal.app.rewards.get().status == "PAID"


def test_cancelling_needs_a_reason(himal, owner, url):
    (reward,) = earned(himal, 1)
    assert "Say why" in body(owner.post(url(f"rewards/{reward}/cancel/"), {"reason": " "}, follow=True))
    assert himal.app.rewards.get().status == "PENDING"
    assert "is cancelled" in body(owner.post(url(f"rewards/{reward}/cancel/"), {"reason": "A mistake"}, follow=True))
    assert himal.app.rewards.get().cancel_reason == "A mistake"
    assert "A mistake" in body(owner.get(url(f"rewards/{reward}/")))


def test_an_analyst_approves_and_does_not_pay_a_developer_reads(himal, url):
    (reward,) = earned(himal, 1)
    analyst, developer = (sign_in(himal.app.merchant, role) for role in (Role.ANALYST, Role.DEVELOPER))
    for browser, page in (
        (analyst, body(analyst.get(url("rewards/")))),
        (developer, body(developer.get(url("rewards/")))),
    ):
        assert "Mark paid…" not in page
        assert browser.post(url("rewards/batch/"), {"verb": "pay", "id": [reward]}).status_code == 403
        assert browser.post(url(f"rewards/{reward}/pay/")).status_code == 403
    assert developer.post(url("rewards/batch/"), {"verb": "approve", "id": [reward]}).status_code == 403
    assert "1 reward approved" in order(analyst, url("rewards/batch/"), "approve", [reward])


def test_the_list_costs_the_same_with_ten_rewards_and_with_a_hundred(himal, owner, url):
    def cost(path: str) -> int:
        sent = statements(owner, url(path))
        assert not any('FROM "REFERRALS_REWARD"' in sql.upper() and "COUNT(*)" in sql.upper() for sql in sent)
        return len(sent)

    paths = ("rewards/", "rewards/?status=PENDING&held=no")
    earned(himal, 10)
    few = [cost(path) for path in paths]
    earned(himal, 60)
    assert [cost(path) for path in paths] == few
    assert max(few) <= 12


@pytest.mark.django_db(transaction=True)
def test_thirty_who_press_at_once_pay_each_reward_once(himal, url):
    from referrals import reward_batches

    ids = earned(himal, 12)
    seen = reward_batches.look(himal.app, "pay", ids).seen

    done = at_once(30, lambda number: reward_batches.carry_out(himal.app, "pay", seen, told=f"run {number}"))

    assert sum(len(each.done) for each in done) == 12
    paid = himal.app.transfers.filter(kind="PAYOUT")
    assert (paid.count(), sum(paid.values_list("amount", flat=True))) == (12, 12_000)
    assert himal.app.events.filter(type="REWARD_REDEEMED").count() == 12
    assert himal.app.wallets.get(user_id="asha").money["USD"] == {"available": 0, "held": 0}
