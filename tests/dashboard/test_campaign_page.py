"""One campaign's page and its tabs: every figure follows what happened, over the days that the address names."""

from datetime import UTC, date, datetime, timedelta

import pytest

from incenta.accounts.models import App, Role
from referrals.dashboard.series import told_by
from tests.cast import caller
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db


def test_the_figures_follow_what_happens(himal, owner, url):
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=10, holdDays=3)
    page = body(owner.get(url(f"campaigns/{campaign}/")))
    assert "no clicks yet" in page
    assert "Create the first code" in page
    assert "i-funnel" not in page

    code = himal.code(campaign)
    himal.post("/clicks", {"referralCode": code})
    himal.post("/clicks", {"referralCode": code})
    himal.convert(code, "bikram")
    himal.convert(code, "asha")  # herself: flagged
    stats = himal.get(f"/stats?campaignId={campaign}").json
    assert (stats["totalClicks"], stats["totalConversions"], stats["conversionRate"]) == (2, 1, 50)
    for asked in ("range=all", "compare=no", "range=7&compare=no"):
        page = body(owner.get(url(f"campaigns/{campaign}/?{asked}")))
        for figure in (
            "<dt>Codes</dt><dd>1</dd>",
            "<dt>Clicks</dt><dd>2</dd>",
            "<dt>Conversions</dt><dd>1<small>and 1 flagged</small></dd>",
            "<dt>Conversion rate</dt><dd>50 %</dd>",
            "<dt>Rewarded</dt><dd>USD 10.00</dd>",
            "<dt>On hold now</dt><dd>USD 20.00<small>2 rewards</small></dd>",
        ):
            assert figure in page, (asked, figure)
        assert "Funnel: Codes created 1, Clicked 1 (100.0 % of the step before), Converted 1" in page
        assert "Create the first code" not in page
    assert "the referrer gets USD 10.00" in page
    assert campaign in page
    assert "$INCENTA_KEY" in body(owner.get(url(f"campaigns/{campaign}/try/")))


@pytest.fixture
def traded(himal) -> str:
    """A campaign of the sandbox with some past, by its clock: a hundred days ago one code, clicked four times, converted once; forty
    days ago tara's, with ten clicks and four orders; ten days ago asha's, with four clicks and three orders; today her last one."""
    shop = caller(himal.app.sandbox)
    campaign = ""
    today = datetime(2026, 6, 15, 12, tzinfo=UTC)
    for days, who, clicks, orders in ((100, "first", 4, 1), (40, "tara", 10, 4), (10, "asha", 4, 3), (0, "asha", 2, 1)):
        App.objects.filter(pk=himal.app.sandbox.pk).update(clock_frozen_at=today - timedelta(days=days))
        campaign = campaign or shop.campaign(rewardModel="FIXED", rewardValue=10)
        code = shop.code(campaign, who)
        for _ in range(clicks):
            shop.post("/clicks", {"referralCode": code})
        for number in range(orders):
            shop.convert(code, f"friend of {who}, {days} {number}")
    return f"/dashboard/{himal.app.sandbox.pk}/campaigns/{campaign}/"


def test_every_figure_keeps_to_the_range_and_tells_the_days_before(traded, owner):
    page = body(owner.get(traded))  # thirty days, compared
    for figure in (
        "<dt>Codes</dt><dd>1<small>±0 %: 1 to yesterday, 1 before</small></dd>",
        "<dt>Clicks</dt><dd>6<small>−60 %: 4 to yesterday, 10 before</small></dd>",
        "<dt>Conversions</dt><dd>4<small>−25 %: 3 to yesterday, 4 before</small></dd>",
        "<dt>Conversion rate</dt><dd>66.7 %<small>40 % in the 30 days before</small></dd>",
        "<dt>Rewarded</dt><dd>USD 40.00<small>−25 %: USD 30.00 to yesterday, USD 40.00 before</small></dd>",
    ):
        assert figure in page, figure
    assert ">asha</a><b>4</b>" in page
    assert ">tara</a>" not in page
    assert "Clicks a day: 6 in all, at most 4" in page
    assert "<span>highest 4</span>" in page

    page = body(owner.get(f"{traded}?range=90&compare=no"))
    assert "<dt>Clicks</dt><dd>16</dd>" in page
    assert page.index(">asha</a><b>4</b>") < page.index(">tara</a><b>4</b>")
    assert "Funnel: Codes created 2" in page

    page = body(owner.get(f"{traded}?range=all"))
    assert "<dt>Clicks</dt><dd>20</dd>" in page
    assert "<dt>Rewarded</dt><dd>USD 90.00</dd>" in page
    assert "Funnel: Codes created 3, Clicked 3 (100.0 % of the step before), Converted 3" in page
    assert "compared" not in page

    page = body(owner.get(f"{traded}?range=7"))
    assert "<dt>Codes</dt><dd>0" in page
    assert "No code was made in these days." in page
    assert "Clicks a day: 2 in all" in page


def test_the_range_and_the_comparison_stand_in_the_address(traded, owner):
    page = body(owner.get(f"{traded}?range=90"))
    assert 'href="?range=90&amp;compare=no" class="i-toggle" aria-current="true">compared' in page
    assert '<a href="?range=7">7 days</a>' in page
    assert '<a href="?">30 days</a>' in page
    page = body(owner.get(f"{traded}?range=7&compare=no"))
    assert '<a href="?range=7" class="i-toggle">compare</a>' in page
    assert '<a href="?compare=no">30 days</a>' in page
    assert "before</small>" not in page
    same = (body(owner.get(traded + asked)) for asked in ("", "?range=4000", "?range=30"))
    assert len({page.split('<dl class="i-figures')[1].split("</dl>")[0] for page in same}) == 1


def test_a_budget_tells_what_of_it_is_promised(himal, owner, url):
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=10, budget=1000)
    himal.convert(himal.code(campaign), "bikram")
    page = body(owner.get(url(f"campaigns/{campaign}/")))
    assert "<dt>Promised</dt><dd>USD 10.00<small>of the budget of USD 1,000.00</small></dd>" in page


def test_the_first_code_is_one_press_away_in_the_sandbox(himal, owner, url):
    sandbox = himal.app.sandbox
    campaign = caller(sandbox).campaign()
    page = body(owner.get(url(f"campaigns/{campaign}/", sandbox)))
    assert f'action="{url(f"campaigns/{campaign}/try/", sandbox)}"' in page
    assert "Run in sandbox" not in body(owner.get(url(f"campaigns/{himal.campaign()}/")))


def test_a_long_life_is_drawn_by_the_week_or_the_month():
    def days(count: int) -> list:
        return [(date(2026, 1, 1) + timedelta(days=number), 1, 2) for number in range(count)]

    for count, unit, bars in ((120, "day", 120), (121, "week", 18), (830, "week", 119), (900, "month", 30)):
        told, summed = told_by(days(count))
        assert (told, len(summed)) == (unit, bars), count
        assert sum(clicks for _, clicks, _ in summed) == count
    assert told_by(days(121))[1][0] == (date(2025, 12, 29), 4, 8)


def test_days_and_referrers_are_drawn_from_what_happened(himal, owner, url):
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=10)
    asha, tara = himal.code(campaign), himal.code(campaign, "tara")
    himal.post("/clicks", {"referralCode": asha})
    for number in range(3):
        himal.convert(asha, f"friend {number}")
    himal.convert(tara, "bikram")
    page = body(owner.get(url(f"campaigns/{campaign}/")))
    assert "Clicks a day: 1 in all, at most 1" in page
    assert "Conversions a day: 4 in all, at most 4" in page
    assert page.count("<title>20") == 62  # thirty days and today, twice
    assert page.index(">asha</a><b>3</b>") < page.index(">tara</a><b>1</b>")
    assert body(owner.get(url(f"campaigns/{campaign}/?range=90"))).count("<title>20") == 182


def test_code_settings_show_codes_that_could_be(himal, owner, url):
    campaign = himal.campaign(codePrefix="hi", codeFormat="USERNAME")
    page = body(owner.get(url(f"campaigns/{campaign}/codes/")))
    assert "<code>HI-ASHA</code>" in page
    assert "<code>HI-BIMALRAI</code>" in page
    assert himal.app.referrals.count() == 0


def test_activity_tells_what_happened_last(himal, owner, url):
    campaign = himal.campaign(rewardModel="FIXED", rewardValue=10)
    code = himal.code(campaign)
    himal.convert(code, "bikram")
    himal.patch(f"/campaigns/{campaign}", {"rewardValue": 12})
    page = body(owner.get(url(f"campaigns/{campaign}/activity/")))
    happened = (f"asha got the code {code}", "bikram converted, USD 50.00", "asha earned USD 10.00")
    for words in ("The campaign was made", "Version 2 of the rules", "rewardValue", *happened):
        assert words in page, words


def test_the_sandbox_runs_the_calls_and_shows_their_answers(himal, owner, url):
    sandbox = himal.app.sandbox
    campaign = caller(sandbox).campaign(rewardModel="FIXED", rewardValue=10)
    where = url(f"campaigns/{campaign}/try/", sandbox)
    assert "Run in sandbox" in body(owner.get(where))
    page = body(owner.post(where, {"run": "order"}))
    assert "<strong>404</strong> refused" in page
    assert "referral_not_found" in page
    page = body(owner.post(where, {"run": "share"}))
    code = sandbox.referrals.get().code
    assert "<strong>201</strong> done" in page
    assert "&quot;referralUrl&quot;" in page
    assert f"&quot;referralCode&quot;: &quot;{code}&quot;" in page
    assert "<strong>200</strong> done" in body(owner.post(where, {"run": "share"}))
    assert "&quot;clickId&quot;" in body(owner.post(where, {"run": "click"}))
    assert "&quot;rewardAmount&quot;: 10" in body(owner.post(where, {"run": "order"}))
    assert "<strong>201</strong>" in body(owner.post(where, {"run": "order"}))  # by the next friend
    page = body(owner.post(where, {"run": "reward"}))
    assert "&quot;userId&quot;: &quot;asha&quot;" in page
    assert sandbox.conversions.count() == 2
    assert owner.post(where, {"run": "everything"}).status_code == 400

    live = himal.campaign()
    assert "Run in sandbox" not in body(owner.get(url(f"campaigns/{live}/try/")))
    assert owner.post(url(f"campaigns/{live}/try/"), {"run": "share"}).status_code == 403
    analyst, developer = (sign_in(himal.app.merchant, role) for role in (Role.ANALYST, Role.DEVELOPER))
    assert analyst.post(where, {"run": "order"}).status_code == 403
    assert developer.post(where, {"run": "order"}).status_code == 200
    assert himal.app.referrals.count() == 0
