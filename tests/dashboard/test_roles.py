"""Who may open what: each page by role, in the live app and in the sandbox; another tenant's is absent."""

import pytest

from incenta.accounts.models import Role
from tests.cast import Caller
from tests.dashboard.conftest import CAMPAIGN, KEY, make_campaign, sign_in

pytestmark = pytest.mark.django_db

OWNER, ADMIN, ANALYST, DEVELOPER = Role.OWNER, Role.ADMIN, Role.ANALYST, Role.DEVELOPER
EVERYBODY = {OWNER, ADMIN, ANALYST, DEVELOPER}

PAGES = {
    "campaigns/": EVERYBODY,
    "campaigns/?export=csv": {OWNER, ADMIN, ANALYST},
    "campaigns/new/goal/": {OWNER, ADMIN},
    "campaigns/{campaign}/": EVERYBODY,
    "campaigns/{campaign}/edit/": {OWNER, ADMIN},
    "campaigns/{campaign}/versions/": EVERYBODY,
    "campaigns/{campaign}/referrals/": EVERYBODY,
    "campaigns/{campaign}/referrals/?export=csv": {OWNER, ADMIN, ANALYST},
    "keys/": {OWNER, ADMIN, DEVELOPER},
    "keys/?export=csv": {OWNER, ADMIN},
    "keys/new/": {OWNER, ADMIN, DEVELOPER},
    "keys/{key}/roll/": {OWNER, ADMIN, DEVELOPER},
    "apps/new/": {OWNER, ADMIN},
    "team/": {OWNER, ADMIN},
    "team/?export=csv": {OWNER, ADMIN},
}
ACTIONS = {
    "campaigns/new/goal/": ({OWNER, ADMIN}, CAMPAIGN),
    "campaigns/{campaign}/edit/": ({OWNER, ADMIN}, CAMPAIGN),
    "campaigns/{campaign}/pause/": ({OWNER, ADMIN}, {}),
    "campaigns/{campaign}/start/": ({OWNER, ADMIN}, {}),
    "keys/new/": ({OWNER, ADMIN, DEVELOPER}, KEY),
    "keys/{key}/roll/": ({OWNER, ADMIN, DEVELOPER}, {"overlap": "24"}),
    "keys/{key}/revoke/": ({OWNER, ADMIN, DEVELOPER}, {}),
    "apps/new/": ({OWNER, ADMIN}, {"name": "Second", "currency": "USD", "timezone": "UTC"}),
}


def filled(path: str, shop: Caller) -> str:
    key = shop.app.api_keys.first().pk
    return f"/dashboard/{shop.app.pk}/{path.format(campaign=shop.campaign(), key=key)}"


@pytest.mark.parametrize("role", sorted(EVERYBODY))
@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_for_its_roles(himal, path, role):
    answer = sign_in(himal.app.merchant, role).get(filled(path, himal))
    assert answer.status_code == (200 if role in PAGES[path] else 403)


@pytest.mark.parametrize("role", sorted(EVERYBODY))
@pytest.mark.parametrize("path", ACTIONS)
def test_a_button_works_for_its_roles(himal, path, role):
    roles, sent = ACTIONS[path]
    where = filled(path, himal)
    before = state(himal)
    answer = sign_in(himal.app.merchant, role).post(where, sent)
    if role in roles:
        assert answer.status_code in (201, 302)
    else:
        assert answer.status_code == 403
        assert state(himal) == before


@pytest.mark.parametrize("path", PAGES)
def test_anothers_page_is_not_there(himal, rival, path):
    where = filled(path, himal)
    assert sign_in(rival.app.merchant).get(where).status_code == 404
    # and an own app does not open another's objects
    if "{" in path:
        assert sign_in(rival.app.merchant).get(where.replace(himal.app.pk, rival.app.pk)).status_code == 404


@pytest.mark.parametrize("path", ACTIONS)
def test_anothers_buttons_are_not_there(himal, rival, path):
    where, sent = filled(path, himal), ACTIONS[path][1]
    before = state(himal)
    browser = sign_in(rival.app.merchant)
    assert browser.post(where, sent).status_code == 404
    if "{" in path:
        assert browser.post(where.replace(himal.app.pk, rival.app.pk), sent).status_code == 404
    assert state(himal) == before


def state(shop: Caller) -> tuple:
    """What a refused action must leave alone."""
    return (
        list(shop.app.campaigns.order_by("pk").values_list("pk", "declared_status", "version")),
        list(shop.app.api_keys.order_by("pk").values_list("pk", "revoked_at")),
        shop.app.merchant.apps.count(),
    )


@pytest.mark.parametrize("path", [path for path in ACTIONS if path not in PAGES])
def test_a_button_is_pressed_by_post_only(himal, path):
    where = filled(path, himal)
    before = state(himal)
    assert sign_in(himal.app.merchant).get(where).status_code == 405
    assert state(himal) == before


def test_the_refusal_says_who_may_and_whom_to_ask(himal, url):
    page = sign_in(himal.app.merchant, ANALYST).get(url("keys/")).content.decode()
    assert "You are Analyst of Himal" in page
    assert "Owner, Admin and Developer" in page
    assert "owner@himal.example" in page


def test_a_developer_makes_campaigns_in_the_sandbox_only(himal, url):
    browser = sign_in(himal.app.merchant, DEVELOPER)
    sandbox = himal.app.sandbox
    assert make_campaign(browser, url("campaigns/new/", sandbox), CAMPAIGN).status_code == 302
    assert sandbox.campaigns.count() == 1
    assert make_campaign(browser, url("campaigns/new/"), CAMPAIGN).status_code == 403
    assert himal.app.campaigns.count() == 0


def test_the_menu_shows_what_the_role_may_open(himal, url):
    assert "API keys" in sign_in(himal.app.merchant, DEVELOPER).get(url("campaigns/")).content.decode()
    assert "API keys" not in sign_in(himal.app.merchant, ANALYST).get(url("campaigns/")).content.decode()


def test_live_and_sandbox_show_each_their_own(himal, url, owner):
    himal.campaign(name="Only live")
    live, sandbox = (owner.get(url("campaigns/", app)).content.decode() for app in (himal.app, himal.app.sandbox))
    assert "Only live" in live
    assert "Sandbox.</strong>" not in live
    assert "Only live" not in sandbox
    assert "Sandbox.</strong>" in sandbox
    assert url("keys/", himal.app.sandbox) in owner.get(url("keys/")).content.decode()


def test_a_suspended_app_says_so(himal, owner, url):
    himal.app.status = "SUSPENDED"
    himal.app.save()
    assert "Suspended.</strong>" in owner.get(url("campaigns/")).content.decode()


def test_the_plan_limits_apps_and_the_sentence_says_so(himal, owner, url):
    plan = himal.app.merchant.plan
    plan.max_apps = 1
    plan.save()
    answer = owner.post(url("apps/new/"), {"name": "Second", "currency": "USD", "timezone": "UTC"})
    assert answer.status_code == 422
    assert "Your plan allows 1 apps." in answer.content.decode()
    assert himal.app.merchant.apps.count() == 2
