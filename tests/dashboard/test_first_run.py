"""From a name to the first reward: what the first screen makes, and the four steps that turn green by what is there."""

import pytest
from django.test import Client

from incenta.accounts.models import ApiKey, App, Merchant, Role, User
from incenta.api import request_log
from referrals.dashboard.templates import TEMPLATES
from tests.cast import Caller
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db

FIRST = {"name": "Himal", "currency": "NPR", "timezone": "Asia/Kathmandu", "template": "give-and-get"}
RUNS = ("code", "click", "convert", "reward")


@pytest.fixture(autouse=True)
def empty_log():
    request_log._queue.clear()


@pytest.fixture
def newcomer() -> Client:
    browser = Client()
    user = User.objects.create_user("asha@himal.example", "tall-mountain-9")
    browser.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return browser


def begun(browser: Client, **told) -> str:
    """Fills in the first screen. Answers the address of the page that it leads to."""
    return browser.post("/dashboard/start/", FIRST | told).url


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_the_first_screen_makes_an_app_a_key_and_a_running_campaign(newcomer, template):
    where = begun(newcomer, template=template)
    sandbox = App.objects.exclude(sandbox_of=None).get()
    assert where == f"/dashboard/{sandbox.pk}/first-run/"
    campaign = sandbox.campaigns.get()
    assert (campaign.declared_status, campaign.currency, campaign.name) == (
        "ACTIVE",
        "NPR",
        dict(TEMPLATES[template].initial)["name"],
    )
    assert sandbox.sandbox_of.campaigns.count() == sandbox.sandbox_of.api_keys.count() == 0
    page = body(newcomer.get(where))
    secret = page.split("export INCENTA_KEY=")[1].split("<")[0]
    assert Caller(sandbox, secret).get("/campaigns").status == 200
    assert secret not in body(newcomer.get(where))


@pytest.mark.parametrize("wrong", [{"name": ""}, {"template": "none-such"}, {"template": ""}, {"currency": "XXX"}])
def test_what_is_not_understood_makes_nothing(newcomer, wrong):
    assert newcomer.post("/dashboard/start/", FIRST | wrong).status_code == 422
    assert Merchant.objects.count() == ApiKey.objects.count() == 0


def test_a_form_that_is_sent_twice_makes_one_business(newcomer):
    begun(newcomer, once="token")
    assert newcomer.post("/dashboard/start/", FIRST | {"once": "token"}).url == "/dashboard/"
    assert Merchant.objects.count() == 1


def test_four_buttons_lead_to_a_reward_and_each_shows_the_real_answer(newcomer):
    where = begun(newcomer)
    app = App.objects.exclude(sandbox_of=None).get()
    assert "0 of 4 done" in body(newcomer.get(where))
    for count, run in enumerate(RUNS, start=1):
        assert newcomer.post(where, {"run": run}).url == f"{where}#step-{run}"
        page = body(newcomer.get(where))
        assert f"{count} of 4 done" in page
        line = app.request_logs.order_by("-pk").first()
        assert line.pk in page and line.status in (200, 201) and line.user_agent == "Incenta dashboard"
    assert app.rewards.count() == 2
    assert f"/dashboard/{app.pk}/referrals/{app.referrals.filter(referee_id=None).get().pk}/" in page
    assert 'hx-trigger="every' not in page


def test_the_page_notices_calls_from_a_terminal(newcomer):
    where = begun(newcomer)
    app = App.objects.exclude(sandbox_of=None).get()
    secret = body(newcomer.get(where)).split("export INCENTA_KEY=")[1].split("<")[0]
    terminal = Caller(app, secret)

    def looked(seen: str) -> tuple[int, str]:
        answer = newcomer.get(f"{where}?seen={seen}", headers={"hx-request": "true"})
        told = answer.content.decode()
        return answer.status_code, told.split("?seen=")[1].split('"')[0] if "?seen=" in told else ""

    status, mark = looked("")
    assert status == 200
    assert looked(mark) == (204, "")
    code = terminal.code(app.campaigns.get().pk, "somebody")
    status, after = looked(mark)
    assert status == 200 and after.startswith("1")
    terminal.post("/clicks", {"referralCode": code})
    terminal.convert(code)
    terminal.get("/rewards")
    request_log.flush()
    assert "4 of 4 done" in body(newcomer.get(where))


def test_a_step_out_of_turn_says_what_is_missing(newcomer):
    where = begun(newcomer)
    assert "There is no code yet" in body(newcomer.post(where, {"run": "click"}, follow=True))
    ApiKey.objects.get().revoke()
    assert "no key in use" in body(newcomer.post(where, {"run": "code"}, follow=True))
    assert newcomer.post(where, {"run": "nonsense"}).status_code == 302


def test_from_the_live_app_one_is_led_to_the_sandbox_where_alone_calls_are_run(himal, owner, url):
    sandbox = himal.app.sandbox
    assert owner.get(url("first-run/")).url == url("first-run/", sandbox)
    assert "A campaign comes first" in body(owner.get(url("first-run/", sandbox)))
    assert owner.post(url("first-run/"), {"run": "code"}).status_code == 403
    analyst = sign_in(himal.app.merchant, Role.ANALYST)
    assert "Run<span" not in body(analyst.get(url("first-run/", sandbox)))
    assert analyst.post(url("first-run/", sandbox), {"run": "code"}).status_code == 403


def test_the_overview_keeps_the_steps_until_they_are_done_or_put_away(newcomer):
    where = begun(newcomer)
    overview = where.replace("first-run", "overview")
    assert "Four steps to the first reward" in body(newcomer.get(overview))
    newcomer.post(where, {"run": "code"})
    page = body(newcomer.get(overview))
    assert "Four steps" in page and page.count(": done</span>") == 1
    for run in RUNS[1:]:
        newcomer.post(where, {"run": run})
    assert "Four steps" not in body(newcomer.get(overview))


def test_who_puts_the_steps_away_is_rid_of_them_and_nobody_else(himal, owner, url):
    analyst = sign_in(himal.app.merchant, Role.ANALYST)
    assert analyst.post(url("overview/steps/hide/")).url == url("overview/")
    assert "Four steps" not in body(analyst.get(url("overview/")))
    assert "Four steps" in body(owner.get(url("overview/")))


def test_what_comes_next_is_for_those_who_may(himal, owner, url):
    where = url("first-run/", himal.app.sandbox)
    assert all(text in body(owner.get(where)) for text in ("Make sample cases", "Invite a developer", "Go live"))
    page = body(sign_in(himal.app.merchant, Role.DEVELOPER).get(where))
    assert "Make sample cases" not in page and "Invite a developer" not in page and "Go live" in page
    owner.post(url("fraud/samples/", himal.app.sandbox))
    assert "Open the review" in body(owner.get(where))
