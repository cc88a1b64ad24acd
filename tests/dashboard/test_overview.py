"""The first page: what waits, numbers that compare like with like, and what happened last; each for whom it serves."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from incenta.accounts.models import Role
from incenta.dashboard.overview import Number, Span
from incenta.dashboard.telling import in_short
from incenta.events.catalogue import EVENT_TYPES
from referrals import stats
from tests.dashboard.conftest import body, sign_in, statements

pytestmark = pytest.mark.django_db

TODAY = timezone.now().date()
SPAN = Span(30, TODAY)


def shop(himal) -> None:
    """A code with clicks and an order of today, one suspicious order, and a reward that waits."""
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=10)
    code = himal.code(campaign)
    himal.post("/clicks", {"referralCode": code})
    himal.post("/clicks", {"referralCode": code})
    himal.convert(code, "bikram")
    himal.convert(code, "asha")


def moved(himal, days: int) -> None:
    """As if all of it had happened so many days ago."""
    stats.fold()
    day = TODAY - timedelta(days=days)
    himal.app.referrals.update(created_at=timezone.now() - timedelta(days=days))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE referrals_statday SET day = %s", [day])


@pytest.mark.parametrize(
    ("whole", "before", "first", "told"),
    [
        (0, 0, None, "no data yet"),
        (50, 0, TODAY - timedelta(days=40), "no data before"),
        (110, 100, TODAY - timedelta(days=400), "+10 %: 110 to yesterday, 100 before"),
        (90, 100, TODAY - timedelta(days=400), "−10 %"),
        (100, 100, TODAY - timedelta(days=60), "±0 %"),
        (5, 0, TODAY - timedelta(days=400), "none in the 30 days before"),
        (0, 0, TODAY - timedelta(days=400), ""),
        (0, 7, TODAY - timedelta(days=400), "−100 %: 0 to yesterday, 7 before"),
    ],
)
def test_a_number_compares_like_with_like_or_says_why_not(whole, before, first, told):
    number = Number("Clicks", whole, 3, before, first)
    assert number.compared(SPAN).startswith(told)
    assert bool(number.compared(SPAN)) == bool(told)
    assert number.value == str(whole + 3)


def test_days_are_whole_and_lie_side_by_side():
    assert (SPAN.start, SPAN.before) == (TODAY - timedelta(days=30), TODAY - timedelta(days=60))


def test_an_event_is_told_in_one_sentence():
    assert [told for told in map(in_short, EVENT_TYPES) if ". " in told or not told or len(told) > 100] == []
    assert in_short("FROM_ANOTHER_RELEASE") == "FROM_ANOTHER_RELEASE"


def test_what_waits_comes_first_and_the_numbers_are_true(himal, owner, url):
    shop(himal)
    page = body(owner.get(url("overview/")))
    fraud, rewards = page.index("1 fraud case waits for a decision"), page.index("1 reward waits to be approved")
    assert fraud < rewards
    assert "USD 10.00 on hold" in page
    assert "?status=PENDING&amp;held=no" in page
    worth = "USD 10.00</a><small>USD 10.00 of it today</small>"
    for figure in ("Codes</dt><dd><a href", ">2<small>2 of it today</small>", worth):
        assert figure in page, figure
    assert "no data before" in page
    assert "Funnel: Codes created 1, Clicked 1 (100.0 % of the step before), Converted 1" in page
    assert "A referred friend converted" in page
    assert "A referral code was made" in page
    assert "compare=no" in page
    assert "no data before" not in body(owner.get(url("overview/?compare=no")))


def test_the_range_moves_the_numbers(himal, owner, url):
    shop(himal)
    moved(himal, 20)
    assert ">2<small>" in body(owner.get(url("overview/")))
    week = body(owner.get(url("overview/?range=7")))
    assert "none in the 7 days before" not in week
    assert "Clicks</dt><dd>0" in week
    assert "Funnel" not in week
    moved(himal, 400)
    quarter = body(owner.get(url("overview/?range=90")))
    assert "Clicks</dt><dd>0" in quarter
    assert "no data before" not in quarter
    assert body(owner.get(url("overview/?range=nonsense"))) != ""


def test_twice_as_much_is_a_hundred_percent_more(himal, owner, url):
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=10)
    code = himal.code(campaign)
    for _ in range(3):
        himal.post("/clicks", {"referralCode": code})
    stats.fold()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE referrals_statday SET day = %s", [TODAY - timedelta(days=5)])
        cursor.execute(
            "INSERT INTO referrals_statday (app_id, campaign_id, asset, day, referrals, clicks, conversions, flagged, reward_minor) "
            "SELECT app_id, campaign_id, asset, day - 7, 0, 2, 0, 0, 0 FROM referrals_statday"
        )
        cursor.execute(
            "INSERT INTO referrals_statday (app_id, campaign_id, asset, day, referrals, clicks, conversions, flagged, reward_minor) "
            "SELECT app_id, campaign_id, asset, day - 300, 0, 9, 0, 0, 0 FROM referrals_statday"
        )
    assert "+50 %: 3 to yesterday, 2 before" in body(owner.get(url("overview/?range=7")))


def test_a_new_app_is_shown_its_first_steps(himal, owner, url):
    page = body(owner.get(url("overview/")))
    assert "Four steps to the first reward" in page
    assert "no data yet" in page
    himal.campaign()
    assert "Make a campaign: who is rewarded, how much, until when<span" in body(owner.get(url("overview/")))
    shop(himal)
    assert "Four steps" not in body(owner.get(url("overview/")))


def test_a_live_app_in_which_nothing_happened_says_how_to_go_live(himal, owner, url):
    assert "going live takes" not in body(owner.get(url("overview/")))  # the first steps are told instead
    owner.post(url("overview/steps/hide/"))
    page = body(owner.get(url("overview/")))
    assert "going live takes a campaign here" in page and url("keys/new/") in page
    assert "going live takes" not in body(owner.get(url("overview/", himal.app.sandbox)))
    analyst = sign_in(himal.app.merchant, Role.ANALYST)
    analyst.post(url("overview/steps/hide/"))
    assert url("keys/new/") not in body(analyst.get(url("overview/")))


def test_each_role_sees_what_it_may_do(himal, url):
    shop(himal)
    seen = {role: body(sign_in(himal.app.merchant, role).get(url("overview/"))) for role in Role}
    assert "fraud case waits" in seen[Role.ANALYST]
    assert "reward waits to be approved" in seen[Role.ANALYST]
    assert "fraud case waits" not in seen[Role.DEVELOPER]
    assert "reward waits" not in seen[Role.DEVELOPER]
    assert "held for review" not in seen[Role.DEVELOPER]
    assert "Clicks</dt>" in seen[Role.DEVELOPER]


def test_a_quota_that_runs_out_is_told_in_time(himal, owner, url):
    plan = himal.app.merchant.plan
    shop(himal)
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(leased) FROM api_allotment WHERE scope LIKE %s", ["calls:%"])
        calls = cursor.fetchone()[0]
    plan.monthly_calls = calls + calls // 10
    plan.save()
    assert "% of this month&#x27;s API calls are used" in body(owner.get(url("overview/")))
    plan.monthly_calls = calls * 100
    plan.save()
    assert "API calls are used" not in body(owner.get(url("overview/")))


def test_it_costs_the_same_whatever_there_is(himal, owner, url):
    def cost() -> int:
        return len(statements(owner, url("overview/")))

    shop(himal)
    few = cost()
    for _ in range(4):
        shop(himal)
    assert cost() == few
    assert few <= 12, few


def test_the_entry_leads_here(himal, owner, url):
    assert owner.get("/dashboard/").url == url("overview/")
