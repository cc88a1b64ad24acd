"""Campaigns in the dashboard: what the form makes is what the API would have made, and every figure is true."""

import csv
import io
import re

import pytest
from django.utils.html import escape

from tests.cast import at_once
from tests.dashboard.conftest import CAMPAIGN, body, make_campaign, sign_in, statements

pytestmark = pytest.mark.django_db


def made(browser, url, himal, **sent) -> str:
    answer = make_campaign(browser, url("campaigns/new/"), CAMPAIGN | sent)
    assert answer.status_code == 302, body(answer)
    return answer.url.rstrip("/").rsplit("/", 1)[-1]


def test_what_the_form_makes_is_what_the_api_makes(himal, owner, url):
    campaign = made(
        owner, url, himal,
        budget="500.50", budget_policy="HOLD", max_rewards_per_referrer="20", conversion_window_days="30", code_prefix="HI",
        landing_url="https://himal.example/hello", fulfillment_type="DISCOUNT_CODE", discount_type="PERCENTAGE", discount_value="12.5",
        end_at="2031-01-01T00:00", fraud_deadline_hours="72", fraud_deadline_outcome="RELEASE",
    )  # fmt: skip
    by_api = himal.campaign(
        name="Bring a friend", referralType="TWO_SIDED", rewardModel="FIXED", rewardValue=10, refereeRewardValue=5, holdDays=7,
        budget=500.5, budgetPolicy="HOLD", maxRewardsPerReferrer=20, conversionWindowDays=30, codePrefix="HI",
        landingUrl="https://himal.example/hello", fulfillmentType="DISCOUNT_CODE", discount={"type": "PERCENTAGE", "value": 12.5},
        endDate="2031-01-01T00:00:00Z", fraudDeadlineHours=72, fraudDeadlineOutcome="RELEASE",
    )  # fmt: skip
    own = ("id", "createdAt", "updatedAt")
    ours, theirs = (
        {k: v for k, v in himal.get(f"/campaigns/{each}").json.items() if k not in own} for each in (campaign, by_api)
    )
    assert ours == theirs


def test_a_draft_takes_nothing_until_it_is_started(himal, owner, url):
    campaign = made(owner, url, himal, status="DRAFT")
    assert himal.post("/referrals", {"campaignId": campaign, "referrerId": "asha"})["code"] == "campaign_not_active"
    owner.post(url(f"campaigns/{campaign}/start/"))
    assert himal.code(campaign)


def test_pausing_stops_it_at_once_and_resuming_lets_it_go_on(himal, owner, url):
    campaign = himal.campaign()
    assert "is paused" in body(owner.post(url(f"campaigns/{campaign}/pause/"), follow=True))
    assert himal.post("/referrals", {"campaignId": campaign, "referrerId": "asha"}).status == 400
    assert "is active" in body(owner.post(url(f"campaigns/{campaign}/start/"), follow=True))
    assert himal.code(campaign)


def test_a_date_is_meant_in_the_readers_zone(himal, owner, url):
    owner.user.timezone = "Asia/Kathmandu"
    owner.user.save()
    campaign = made(owner, url, himal, start_at="2031-01-01T00:00")
    assert himal.get(f"/campaigns/{campaign}")["startDate"] == "2030-12-31T18:15:00.000Z"
    assert himal.get(f"/campaigns/{campaign}")["status"] == "SCHEDULED"
    assert 'value="2031-01-01T00:00"' in body(owner.get(url(f"campaigns/{campaign}/edit/")))


def test_tiers_are_rows(himal, owner, url):
    tiers = {"tier_1_min": "0", "tier_1_value": "5", "tier_2_min": "10", "tier_2_value": "7.50", "tier_2_cap": "20"}
    campaign = made(owner, url, himal, reward_model="TIERED", reward_value="", tier_reward_model="FIXED", **tiers)
    assert himal.get(f"/campaigns/{campaign}")["tiers"] == [
        {"minConversions": 0, "rewardValue": 5},
        {"minConversions": 10, "rewardValue": 7.5, "rewardCap": 20},
    ]
    page = body(owner.get(url(f"campaigns/{campaign}/edit/")))
    assert 'name="tier_2_value" value="7.5"' in page


WRONG = {
    "name": ({"name": ""}, {"name": ""}),
    "not a number": ({"reward_value": "ten"}, {"rewardValue": "ten"}),
    "negative": ({"reward_value": "-1"}, {"rewardValue": -1}),
    "too many decimals": ({"reward_value": "1.005"}, {"rewardValue": 1.005}),
    "no decimals": (
        {"currency": "JPY", "reward_value": "1.5", "referee_reward_value": "1"},
        {"currency": "JPY", "rewardValue": 1.5},
    ),
    "percent": (
        {"reward_model": "PERCENTAGE", "reward_value": "101"},
        {"rewardModel": "PERCENTAGE", "rewardValue": 101},
    ),
    "friend": ({"referee_reward_value": ""}, {"refereeRewardValue": None}),
    "days": ({"hold_days": "soon"}, {"holdDays": "soon"}),
    "window": ({"conversion_window_days": "0"}, {"conversionWindowDays": 0}),
    "dates": (
        {"start_at": "2031-01-02T00:00", "end_at": "2031-01-01T00:00"},
        {"startDate": "2031-01-02T00:00:00Z", "endDate": "2031-01-01T00:00:00Z"},
    ),
    "prefix": ({"code_prefix": "no spaces"}, {"codePrefix": "no spaces"}),
    "url": ({"landing_url": "javascript:alert(1)"}, {"landingUrl": "javascript:alert(1)"}),
    "scores": ({"hold_at": "90"}, {"holdAt": 90}),
    "discount": (
        {"discount_type": "PERCENTAGE", "discount_value": "0"},
        {"discount": {"type": "PERCENTAGE", "value": 0}},
    ),
    "no tiers": ({"reward_model": "TIERED"}, {"rewardModel": "TIERED", "tiers": []}),
    "same tier": (
        {"reward_model": "TIERED", "tier_1_min": "1", "tier_1_value": "1", "tier_2_min": "1", "tier_2_value": "2"},
        {
            "rewardModel": "TIERED",
            "tiers": [{"minConversions": 1, "rewardValue": 1}, {"minConversions": 1, "rewardValue": 2}],
        },
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_form_refuses_what_the_api_refuses_with_its_sentence(himal, owner, url, what):
    in_form, in_api = WRONG[what]
    refused = himal.post(
        "/campaigns",
        {
            "name": "Bring a friend",
            "referralType": "TWO_SIDED",
            "rewardValue": 10,
            "refereeRewardValue": 5,
            "currency": "USD",
        }
        | in_api,
    )
    assert refused.status == 400, refused
    sentences = [told for field in refused["details"].values() for told in field]

    page = make_campaign(owner, url("campaigns/new/"), CAMPAIGN | in_form)

    assert page.status_code == 422
    for sentence in sentences:
        assert escape(sentence) in body(page), sentence
    assert "aria-invalid" in body(page) or "tier-errors" in body(page)
    assert himal.app.campaigns.count() == 0


def test_what_a_choice_does_not_use_pays_nobody(himal, owner, url):
    campaign = made(owner, url, himal, referral_type="ONE_SIDED", referee_reward_value="500", level2_reward_value="500")
    assert himal.get(f"/campaigns/{campaign}")["refereeRewardValue"] is None
    himal.convert(himal.code(campaign))
    assert himal.get("/stats", campaignId=campaign) is not None
    assert list(himal.app.rewards.values_list("side", "amount_minor")) == [("REFERRER", 1000)]


def test_editing_makes_a_version_that_tells_what_changed_and_who(himal, owner, url):
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=10)
    before = himal.get(f"/campaigns/{campaign}").json
    form = {
        **CAMPAIGN,
        "version": "1",
        "name": "Friends",
        "referral_type": "ONE_SIDED",
        "reward_value": "12.50",
        "hold_days": "0",
    }
    answer = owner.post(url(f"campaigns/{campaign}/edit/"), form, follow=True)
    assert "Saved as version 2." in body(answer)
    after = himal.get(f"/campaigns/{campaign}").json
    changed = {field for field in before if before[field] != after[field]}
    assert changed == {"rewardValue", "ruleVersion", "updatedAt"}
    page = body(owner.get(url(f"campaigns/{campaign}/versions/")))
    assert "<code>rewardValue</code> <del>10</del>" in page
    assert "<ins>12.5</ins>" in page
    assert "by owner@himal.example" in page
    assert "by API key “tests”" in page

    assert "Nothing was changed." in body(
        owner.post(url(f"campaigns/{campaign}/edit/"), form | {"version": "2"}, follow=True)
    )


def test_a_change_over_somebody_elses_is_refused(himal, owner, url):
    campaign = himal.campaign()
    himal.patch(f"/campaigns/{campaign}", {"rewardValue": 7})
    answer = owner.post(url(f"campaigns/{campaign}/edit/"), CAMPAIGN | {"version": "1"})
    assert answer.status_code == 422
    assert "Somebody changed this campaign meanwhile" in body(answer)
    assert himal.get(f"/campaigns/{campaign}")["rewardValue"] == 7


@pytest.mark.parametrize("part", ["min", "value", "cap"])
def test_numbers_of_any_length_are_refused_and_break_nothing(himal, owner, url, part):
    campaign = himal.campaign()
    row = {"tier_1_min": "0", "tier_1_value": "5"} | {f"tier_1_{part}": "9" * 5_000}
    answer = owner.post(url(f"campaigns/{campaign}/edit/"), CAMPAIGN | {"reward_model": "TIERED", "version": "1"} | row)
    assert answer.status_code == 422 and "Tier 1" in body(answer)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_save_over_the_same_version_one_does(himal, url):
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=10)
    form = CAMPAIGN | {"version": "1", "referral_type": "ONE_SIDED"}
    browsers = [sign_in(himal.app.merchant) for _ in range(6)]
    where = url(f"campaigns/{campaign}/edit/")
    answers = at_once(6, lambda place: browsers[place].post(where, form | {"reward_value": str(20 + place)}))
    assert sorted(answer.status_code for answer in answers) == [302] + [422] * 5
    refused = next(answer for answer in answers if answer.status_code == 422)
    assert "it is at version 2" in body(refused)
    saved = next(place for place, answer in enumerate(answers) if answer.status_code == 302)
    kept = himal.get(f"/campaigns/{campaign}")
    assert (kept["ruleVersion"], kept["rewardValue"]) == (2, 20 + saved)


def test_the_list_shows_the_same_figures(himal, owner, url):
    campaign = himal.campaign(name="Spring")
    code = himal.code(campaign)
    himal.post("/clicks", {"referralCode": code})
    himal.convert(code, "bikram", 49.99)
    page = body(owner.get(url("campaigns/")))
    assert "100 %" in page
    assert "USD 5.00" in page

    rows = list(csv.DictReader(io.StringIO(body(owner.get(url("campaigns/?export=csv"))).lstrip("\ufeff"))))
    assert [
        (row["id"], row["clicks"], row["conversions"], row["conversionRate"], row["totalRewardValue"]) for row in rows
    ] == [(campaign, "1", "1", "100", "5")]
    assert rows[0]["createdAtUtc"].endswith("Z")


def test_the_list_tells_what_is_held_back(himal, owner, url, monkeypatch):
    campaign = himal.campaign(name="Spring", rewardModel="FIXED", rewardValue=10, holdDays=3)
    code = himal.code(campaign)
    made = [
        himal.convert(code, friend) for friend in ("bikram", "tara", "asha")
    ]  # the last is herself: flagged, and not due yet
    paid = himal.campaign(name="Paid", rewardModel="FIXED", rewardValue=7)
    reward = himal.convert(himal.code(paid), "bikram")["rewardId"]

    def told() -> list[tuple[str, str, str]]:
        rows = csv.DictReader(io.StringIO(body(owner.get(url("campaigns/?export=csv"))).lstrip("\ufeff")))
        return [(row["name"], row["heldRewards"], row["heldValue"]) for row in rows]

    assert told() == [("Paid", "0", "0"), ("Spring", "3", "30")]
    assert '<span class="i-sub">USD 30.00 held</span>' in body(owner.get(url("campaigns/")))
    himal.post(f"/rewards/{reward}/pay", {"payoutReference": "1"})
    himal.post(f"/rewards/{made[0]['rewardId']}/cancel", {"reason": "came back"})
    himal.app.rewards.filter(pk=made[1]["rewardId"]).update(matures_at="2026-01-01T00:00:00Z")
    assert told() == [("Paid", "0", "0"), ("Spring", "1", "10")]
    himal.app.rewards.filter(pk=made[1]["rewardId"]).update(holds=["MANUAL"])
    assert told() == [("Paid", "0", "0"), ("Spring", "2", "20")]
    assert "USD 20.00<small>2 rewards</small>" in body(owner.get(url(f"campaigns/{campaign}/")))
    monkeypatch.setattr("referrals.dashboard.campaigns.MOST_HELD", 1)
    assert "over 1 rewards held" in body(owner.get(url("campaigns/")))


def test_the_list_finds_filters_and_sorts(himal, owner, url):
    assert "No campaign yet" in body(owner.get(url("campaigns/")))
    spring = himal.campaign(name="Spring")
    himal.campaign(name="Autumn", status="PAUSED")
    himal.campaign(name="Later", startDate="2099-01-01T00:00:00Z")
    himal.code(spring)

    def shown(query: str) -> list[str]:
        rows = csv.DictReader(io.StringIO(body(owner.get(url(f"campaigns/?export=csv&{query}"))).lstrip("\ufeff")))
        return [row["name"] for row in rows]

    assert shown("") == ["Later", "Autumn", "Spring"]
    assert shown("sort=name") == ["Autumn", "Later", "Spring"]
    assert shown("sort=-referrals")[0] == "Spring"
    assert shown("q=spri") == ["Spring"]
    assert shown(f"q={spring}") == ["Spring"]
    assert shown("status=PAUSED&status=SCHEDULED") == ["Later", "Autumn"]
    assert shown("status=ACTIVE") == ["Spring"]
    assert shown("sort=nonsense") == ["Later", "Autumn", "Spring"]
    assert "No campaign matches" in body(owner.get(url("campaigns/?q=zulu")))
    assert "not understood" in body(owner.get(url("campaigns/?status=LOST")))
    assert shown("status=LOST") == []
    himal.app.campaigns.filter(pk=spring).update(created_at="2026-03-01T20:30:00Z")
    owner.user.timezone = "Asia/Kathmandu"  # where it is the second of March by then
    owner.user.save()
    assert shown("from=2026-03-02&to=2026-03-02") == ["Spring"]
    assert shown("to=2026-03-01") == []
    assert shown("from=2026-03-03&type=ONE_SIDED") == ["Later", "Autumn"]
    assert "not understood" in body(owner.get(url("campaigns/?from=soon")))


def test_a_fragment_brings_its_canonical_address(himal, owner, url):
    himal.campaign(name="Spring")
    answer = owner.get(url("campaigns/?q=spring&status=&page=1&type="), headers={"hx-request": "true"})
    page = body(answer)
    assert answer["HX-Push-Url"] == url("campaigns/?q=spring")
    assert "HX-Request" in answer["Vary"]
    assert "<html" not in page
    assert "Spring" in page
    restored = owner.get(url("campaigns/"), headers={"hx-request": "true", "hx-history-restore-request": "true"})
    assert "<html" in body(restored)


def test_names_are_text_and_never_markup(himal, owner, url):
    campaign = himal.campaign(name='<script>alert("x")</script>')
    for path in (
        "campaigns/",
        f"campaigns/{campaign}/",
        f"campaigns/{campaign}/edit/",
        f"campaigns/{campaign}/versions/",
    ):
        assert "<script>alert" not in body(owner.get(url(path)))


def test_the_list_costs_the_same_with_ten_campaigns_and_with_a_hundred(himal, owner, url):
    def cost(path: str) -> int:
        return len(statements(owner, url(path)))

    counts = []
    for target in (10, 100):
        while himal.app.campaigns.count() < target:
            himal.campaign(name="One more")
        counts.append((cost("campaigns/"), cost("campaigns/?sort=-clicks")))
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 12


def test_codes_are_listed_in_pages_that_never_count(himal, owner, url):
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=10)
    where = f"campaigns/{campaign}/referrals/"
    assert "No code yet" in body(owner.get(url(where)))
    for number in range(60):
        code = himal.code(campaign, f"user {number:02}")
    himal.convert(code, "bikram")

    first = body(owner.get(url(where)))
    assert "user 59" in first
    assert "user 34" not in first
    assert "USD 10.00" in first
    assert "Newer" not in first
    older = url(where) + re.search(r'href="(\?after=ref_\w+)"', first).group(1)
    second = body(owner.get(older))
    assert "user 34" in second
    assert "user 10" in second
    newer = url(where) + re.search(r'href="(\?before=ref_\w+)"', second).group(1)
    assert "user 59" in body(owner.get(newer))

    sent = statements(owner, older)
    assert len(sent) <= 12
    assert not any('FROM "REFERRALS_REFERRAL"' in sql.upper() and "COUNT(*)" in sql.upper() for sql in sent)

    assert "user 07" in body(owner.get(url(f"{where}?q=user+07")))
    assert "No code matches" in body(owner.get(url(f"{where}?q=nobody")))
    assert len(body(owner.get(url(f"{where}?export=csv"))).strip().splitlines()) == 61
