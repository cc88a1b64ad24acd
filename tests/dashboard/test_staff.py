"""The operator's admin: plans are set there, by the operator alone."""

import pytest
from django.test import Client

from incenta.accounts.models import Merchant, Plan, User

pytestmark = pytest.mark.django_db
PAGES = (
    "",
    "accounts/plan/",
    "accounts/merchant/",
    "accounts/app/",
    "accounts/apikey/",
    "accounts/user/",
    "events/event/",
)


@pytest.fixture
def operator(db) -> Client:
    browser = Client()
    browser.force_login(User.objects.create_superuser("operator@incenta.example", "x"))
    return browser


@pytest.mark.parametrize("page", PAGES)
def test_the_operator_looks(himal, operator, page):
    himal.code(himal.campaign())
    assert operator.get(f"/staff/{page}").status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_nobody_else_does(himal, owner, client, page):
    for browser in (owner, client):
        answer = browser.get(f"/staff/{page}")
        assert answer.status_code in (302, 403)


def test_sign_in_to_it_goes_through_the_one_door(client):
    assert client.get("/staff/", follow=True).redirect_chain[-1][0].startswith("/accounts/login/")


def test_the_operator_sets_a_plan(himal, operator):
    large = Plan.objects.create(name="Large", monthly_calls=5_000_000)
    merchant = himal.app.merchant
    inline = {f"memberships-{part}_FORMS": 0 for part in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
    answer = operator.post(
        f"/staff/accounts/merchant/{merchant.pk}/change/", {"name": merchant.name, "plan": large.pk} | inline
    )
    assert answer.status_code == 302, answer.content
    assert Merchant.objects.get(pk=merchant.pk).plan == large


def test_what_verbs_make_is_not_made_or_deleted_there(himal, operator):
    app, key = himal.app, himal.app.api_keys.first()
    for path in (f"app/{app.pk}", f"merchant/{app.merchant_id}", f"apikey/{key.pk}"):
        assert operator.post(f"/staff/accounts/{path}/delete/", {"post": "yes"}).status_code == 403
    for path in ("app", "merchant", "apikey", "user"):
        assert operator.get(f"/staff/accounts/{path}/add/").status_code == 403
    event = himal.campaign() and himal.code(himal.campaign()) and himal.app.events.first()
    assert operator.post(f"/staff/events/event/{event.pk}/change/", {"type": "X"}).status_code == 403
    assert key.digest not in operator.get(f"/staff/accounts/apikey/{key.pk}/change/").content.decode()


def test_the_plan_in_use_is_not_deleted(himal, operator):
    plan = himal.app.merchant.plan
    assert operator.post(f"/staff/accounts/plan/{plan.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Plan.objects.filter(pk=plan.pk).exists()
