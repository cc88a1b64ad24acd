"""The four steps of a new campaign: what was said is kept, what it would do is told by the real rules, nothing is made before the end."""

import re

import pytest
from django.test import Client

from referrals.dashboard.templates import TEMPLATES
from tests.cast import at_once
from tests.dashboard.conftest import CAMPAIGN, body, make_campaign, sign_in

pytestmark = pytest.mark.django_db

FRAGMENT = {"hx-request": "true"}
BLANK = CAMPAIGN | {"template": "blank"}


@pytest.fixture
def step(owner, url):
    """``step("reward", …)`` sends a step, with everything that a plain campaign has; without fields it opens the page."""

    def at(name: str, /, **sent):
        where = url(f"campaigns/new/{name}/")
        return owner.post(where, BLANK | sent) if sent else owner.get(where)

    return at


@pytest.fixture
def told(owner, url):
    """What stands beside a step when this is typed there, as the script asks for it."""

    def typed(name: str, /, **sent) -> str:
        where = url(f"campaigns/new/{name}/")
        answer = owner.post(where, BLANK | {"preview": "yes"} | sent, headers=FRAGMENT)
        assert answer.status_code == 200
        return body(answer)

    return typed


def test_four_presses_make_a_campaign_of_a_template(himal, owner, url):
    answer = owner.get(url("campaigns/new/?template=give-and-get"))
    for name in ("goal", "reward", "rules", "review"):
        assert answer.url == url(f"campaigns/new/{name}/")
        answer = owner.post(answer.url, shown(owner.get(answer.url)) | {"status": "ACTIVE"})
    campaign = himal.app.campaigns.get()
    assert answer.url == url(f"campaigns/{campaign.pk}/")
    assert "Give 10, get 10 is active." in body(owner.get(answer.url))
    assert himal.get(f"/campaigns/{campaign.pk}")["refereeRewardValue"] == 10


def shown(response) -> dict[str, str]:
    """What a browser would send of the form on this page as it stands."""
    form = response.context["form"]
    sent = {name: str(form[name].value()) for name in form.own if name in form.fields and form[name].value()}
    for row in form.tier_rows():
        sent |= {f"tier_{row['number']}_{part}": str(row[part]) for part in ("min", "value", "cap")}
    return sent


@pytest.mark.parametrize("key", TEMPLATES)
def test_a_template_fills_the_steps(himal, owner, url, key):
    assert f"?template={key}" in body(owner.get(url("campaigns/")))
    owner.get(url(f"campaigns/new/?template={key}"))
    answer = None
    for name in ("goal", "reward", "rules", "review"):
        answer = owner.post(url(f"campaigns/new/{name}/"), shown(owner.get(url(f"campaigns/new/{name}/"))))
        assert answer.status_code == 302, body(answer)
    campaign = himal.app.campaigns.get()
    assert campaign.name == dict(TEMPLATES[key].initial)["name"]
    assert [tier["minConversions"] for tier in campaign.tiers] == ([0, 5, 20] if key == "tiered" else [])
    assert (campaign.level2_reward_value is not None) == (key == "multi-level")


def test_an_unknown_template_is_as_none(owner, url):
    answer = owner.get(url("campaigns/new/?template=nonsense"), follow=True)
    assert answer.status_code == 200
    assert answer.context["template"] == "give-and-get"


def test_nothing_is_made_before_the_end_and_what_was_said_stays(himal, owner, url, step):
    assert step("goal", name="Spring").url == url("campaigns/new/reward/")
    assert step("reward", reward_value="12.50").url == url("campaigns/new/rules/")
    assert himal.app.campaigns.count() == 0
    for _ in range(2):  # opened, and opened again
        assert 'value="Spring"' in body(step("goal"))
        assert 'value="12.50"' in body(step("reward"))
    # who comes back goes on where he left off
    assert owner.get(url("campaigns/new/")).url == url("campaigns/new/rules/")
    assert owner.get(url("campaigns/new/?afresh=yes")).url == url("campaigns/new/goal/")
    assert "Spring" not in body(step("goal"))


def test_a_step_is_not_jumped_over(himal, owner, url, step):
    for name in ("reward", "rules", "review"):
        assert step(name).url == url("campaigns/new/goal/")
    # the session was lost meanwhile: what is sent is kept, and what is missing is asked for
    assert step("reward", reward_value="7").url == url("campaigns/new/goal/")
    assert step("goal", name="Spring").url == url("campaigns/new/reward/")
    assert 'value="7"' in body(step("reward"))
    assert step("review", status="ACTIVE").url == url("campaigns/new/rules/")
    assert himal.app.campaigns.count() == 0


def test_back_keeps_what_was_typed_right_or_wrong(owner, url, step):
    step("goal", name="Spring")
    assert step("reward", reward_value="ten", go="back").url == url("campaigns/new/goal/")
    assert 'value="ten"' in body(step("reward"))
    assert "aria-invalid" in body(step("reward"))
    assert step("goal", go="back", name="Autumn").url == url("campaigns/new/goal/")
    assert 'value="Autumn"' in body(step("goal"))


def test_what_an_earlier_step_made_wrong_is_asked_again(himal, owner, url, step):
    step("goal", currency="USD")
    step("reward", reward_value="1.50", referee_reward_value="1")
    step("rules", hold_days="3")
    assert step("goal", currency="JPY").url == url("campaigns/new/reward/")
    assert step("review").url == url("campaigns/new/reward/")
    assert "JPY has no decimals." in body(step("reward"))
    assert step("review", status="ACTIVE").url == url("campaigns/new/reward/")
    assert himal.app.campaigns.count() == 0


def test_another_template_fills_the_steps_anew_the_same_one_does_not(owner, url, step):
    step("goal", template="give-and-get", name="")
    step("reward", reward_value="25")
    step("goal", template="give-and-get", name="Renamed")
    assert 'value="25"' in body(step("reward"))
    step("goal", template="tiered", name="Renamed")
    page = body(step("reward"))
    assert 'value="25"' not in page
    assert 'name="tier_2_value" value="8"' in page


def test_a_draft_or_active_and_both_once(himal, owner, url, step):
    for name in ("goal", "reward", "rules"):
        step(name, name="Spring")
    page = body(step("review"))
    for words in (
        "Spring",
        "the referrer gets USD 10.00, and the friend gets USD 5.00",
        "Create and start",
        "Save as draft",
    ):
        assert words in page, words
    assert step("review", status="DRAFT").status_code == 302
    assert himal.app.campaigns.get().declared_status == "DRAFT"
    # sent twice: the wizard is empty by then
    assert step("review", status="DRAFT").url == url("campaigns/new/goal/")
    assert himal.app.campaigns.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_button_pressed_many_times_makes_one(himal, owner, url, step):
    for name in ("goal", "reward", "rules"):
        step(name, name="Spring")
    answers = at_once(6, lambda _: again(owner).post(url("campaigns/new/review/"), {"status": "ACTIVE"}))
    assert {answer.status_code for answer in answers} == {302}
    assert himal.app.campaigns.count() == 1


def again(browser: Client) -> Client:
    """The same browser: another request of its session."""
    other = Client()
    other.cookies = browser.cookies
    return other


def test_no_address_makes_a_campaign(himal, owner, url, step):
    for name in ("goal", "reward", "rules"):
        step(name, name="Spring")
    owner.get(url("campaigns/new/review/?status=ACTIVE"))
    assert owner.get(url("campaigns/new/done/")).status_code == 404
    assert himal.app.campaigns.count() == 0


def test_a_wrong_step_says_so_beside_its_own_fields_only(owner, url, step):
    page = step("goal", name="", template="blank")
    assert page.status_code == 422
    assert set(page.context["form"].errors) == {"name"}
    step("goal", name="Spring")
    page = step("reward", reward_value="-1", hold_days="soon")
    assert page.status_code == 422
    assert "Must not be negative." in body(page)
    assert "hold_days" not in page.context["form"].errors
    assert owner.get(url("campaigns/new/")).url == url("campaigns/new/reward/")
    page = step("reward", reward_model="TIERED")
    assert "A tiered campaign needs at least one tier." in body(page)


def test_a_wrong_prefix_is_told_in_words(owner, url, step):
    for name in ("goal", "reward"):
        step(name, name="Spring")
    page = step("rules", code_prefix="no way")
    assert page.status_code == 422
    assert "Must be letters and digits, at most 12 of them." in body(page)


def test_apps_have_a_wizard_each(himal, owner, url, step):
    step("goal", name="Only live")
    sandbox = url("campaigns/new/", himal.app.sandbox)
    assert owner.get(sandbox).url == f"{sandbox}goal/"
    assert "Only live" not in body(owner.get(f"{sandbox}goal/"))


def test_only_who_may_edit_walks_it(himal, url):
    analyst = sign_in(himal.app.merchant, "ANALYST")
    for path in ("campaigns/new/", "campaigns/new/goal/", "campaigns/new/review/"):
        assert analyst.get(url(path)).status_code == 403
        assert analyst.post(url(path), BLANK | {"status": "ACTIVE"}).status_code == 403
    assert make_campaign(sign_in(himal.app.merchant, "ADMIN"), url("campaigns/new/"), CAMPAIGN).status_code == 302


# --- what it would do -----------------------------------------------------------------------------------------------------
def test_the_story_stands_beside_every_step(owner, url, step):
    for name in ("goal", "reward", "rules"):
        step(name, name="Spring", code_format="USERNAME", code_prefix="hi")
    for name in ("goal", "reward", "rules"):
        page = body(step(name))
        assert "→ Bimal buys → Asha gets USD 10.00 and Bimal gets USD 5.00" in page, name
        assert "USD 1,500.00" in page
    page = body(step("review"))
    assert "Asha shares HI-ASHA → Bimal buys → Asha gets USD 10.00 and Bimal gets USD 5.00 after 7 days" in page
    assert "/r/HI-ASHA" in page


def test_it_is_told_while_one_types_and_nothing_is_kept(himal, owner, url, step, told):
    page = told("goal", template="give-and-get", name="")
    assert "<html" not in page
    assert re.search(
        r"Asha shares \w{8} → Bimal buys → Asha gets USD 10.00 and Bimal gets USD 10.00 after 7 days", page
    )
    assert "is told here as soon as" in told("goal", template="blank", name="")
    step("goal", name="Spring")
    assert "USD 1,750.00" in told("reward", reward_value="12.50")
    assert "12.50" not in body(step("reward"))
    page = told("reward", reward_value="ten")
    assert "To tell what it would do" in page
    assert "Referrer gets: Must be a number." in page
    assert himal.app.campaigns.count() == 0
    # without the script a button shows the same, and keeps nothing either
    page = step("reward", reward_value="12.50", preview="yes")
    assert page.status_code == 200
    assert "USD 1,750.00" in body(page)
    assert owner.get(url("campaigns/new/")).url == url("campaigns/new/reward/")


def test_a_preview_on_its_way_does_not_put_the_session_back(owner, url, step):
    step("goal", name="Spring")
    before = dict(owner.session)
    owner.post(url("campaigns/new/reward/"), BLANK | {"preview": "yes", "reward_value": "3"}, headers=FRAGMENT)
    assert dict(owner.session) == before


SHARE = {"reward_model": "PERCENTAGE", "reward_value": "10", "referral_type": "ONE_SIDED"}
TIERS = {
    "reward_model": "TIERED", "referral_type": "ONE_SIDED",
    "tier_1_min": "0", "tier_1_value": "5", "tier_2_min": "10", "tier_2_value": "8",
}  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "cost", "note"),
    [
        ({}, "USD 1,500.00", ""),
        (SHARE, "USD 500.00", "Orders of USD 50.00, supposed, there is no order yet"),
        (SHARE | {"reward_cap": "2"}, "USD 200.00", "Orders of USD 50.00, supposed"),
        # each of a hundred has no friend before; a single one has ten friends at 5, then ninety at 8
        (TIERS, "USD 500.00 to USD 770.00", "Brought by a hundred referrers or by a single one"),
        ({"referral_type": "MULTI_LEVEL", "level2_reward_value": "2"}, "USD 1,200.00", "If somebody brought every referrer"),
        # a hundred times 15 is 1,500; 33 times 15 fits into 500, and the one of 5 does
        ({"budget": "500"}, "USD 500.00", "No more than the budget"),
        ({"budget": "500", "budget_policy": "HOLD"}, "USD 500.00", "The rest waits for more budget"),
        ({"budget": "1500"}, "USD 1,500.00", ""),
        ({"budget": "1499.99"}, "USD 1,495.00", "No more than the budget"),
        # one referrer is rewarded three times, each of the friends gets theirs
        ({"max_rewards_per_referrer": "3"}, "USD 530.00 to USD 1,500.00", "Brought by a single referrer or by a hundred"),
        ({"fulfillment_type": "COINS", "reward_value": "20", "referee_reward_value": "10"}, "3,000 coins", ""),
        ({"currency": "JPY"}, "JPY 1,500", ""),
    ],
)  # fmt: skip
def test_a_hundred_conversions_cost_what_the_rules_say(step, told, sent, cost, note):
    step("goal", name="Spring", **({"currency": sent["currency"]} if "currency" in sent else {}))
    page = told("reward", **sent)
    assert f"<dd>{cost}<" in page, page
    assert note in page
    assert bool(note) == ("<small>" in page.split("<dt>A code")[0])


def test_the_usual_order_is_the_merchants_own(himal, step, told):
    himal.convert(himal.code(himal.campaign()), "bikram", 80)
    step("goal", name="Spring")
    page = told("reward", **SHARE)
    assert "Bimal buys for USD 80.00 → Asha gets USD 8.00" in page
    assert "Orders of USD 80.00, your average order" in page


def test_a_campaign_that_exists_is_told_beside_its_form_too(himal, owner, url):
    campaign = himal.campaign()
    sent = CAMPAIGN | {"version": "1", "preview": "yes", "currency": "USD"}
    where = url(f"campaigns/{campaign}/edit/")
    assert "USD 1,500.00" in body(owner.post(where, sent))
    fragment = body(owner.post(where, sent | {"reward_value": "20"}, headers=FRAGMENT))
    assert "USD 2,500.00" in fragment
    assert "<html" not in fragment
    assert himal.app.campaigns.get().version == 1
