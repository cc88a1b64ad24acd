"""API keys: made, shown once, used, revoked."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incenta.accounts.models import ApiKey
from tests.cast import Caller, at_once
from tests.dashboard.conftest import KEY, body
from webhooks.models import WebhookEndpoint

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"inc_(?:live|test|pub_live|pub_test)_[A-Za-z0-9_-]{32}")


def make(browser, url, **sent) -> str:
    answer = browser.post(url("keys/new/"), KEY | sent)
    assert answer.status_code == 201, answer.content
    assert "no-store" in answer["Cache-Control"]
    return SECRET.search(answer.content.decode()).group()


def test_a_new_key_is_shown_once_and_opens_its_app(himal, owner, url):
    secret = make(owner, url)
    assert Caller(himal.app, secret).get("/campaigns").status == 200

    key = himal.app.api_keys.get(name="Checkout")
    assert key.created_by == owner.user
    for path in ("keys/", "keys/?export=csv", "keys/new/", "campaigns/"):
        page = body(owner.get(url(path)))
        assert secret not in page
        assert key.digest not in page
    assert f"{key.prefix}…{key.last4}" in body(owner.get(url("keys/")))
    assert secret not in str(dict(owner.session))
    assert not ApiKey.objects.filter(digest=secret).exists()


def test_a_sandbox_key_opens_the_sandbox_only(himal, owner, url):
    answer = owner.post(url("keys/new/", himal.app.sandbox), KEY)
    secret = SECRET.search(answer.content.decode()).group()
    assert secret.startswith("inc_test_")
    himal.campaign(name="Live")
    assert Caller(himal.app.sandbox, secret).get("/campaigns")["campaigns"] == []


def test_reloading_the_page_that_showed_it_makes_no_second_key(himal, owner, url):
    once = re.search(r'name="once" value="([^"]+)"', owner.get(url("keys/new/")).content.decode()).group(1)
    make(owner, url, once=once)
    keys = himal.app.api_keys.count()

    again = owner.post(url("keys/new/"), KEY | {"once": once}, follow=True)

    assert himal.app.api_keys.count() == keys
    assert "shown only once" in again.content.decode()
    assert not SECRET.search(again.content.decode())


def test_a_revoked_key_is_refused_from_then_on(himal, owner, url):
    secret = make(owner, url)
    key = himal.app.api_keys.get(name="Checkout")
    page = owner.post(url(f"keys/{key.pk}/revoke/"), follow=True).content.decode()
    assert "is revoked" in page
    assert Caller(himal.app, secret).get("/campaigns").status == 401

    revoked_at = himal.app.api_keys.get(pk=key.pk).revoked_at
    owner.post(url(f"keys/{key.pk}/revoke/"))
    assert himal.app.api_keys.get(pk=key.pk).revoked_at == revoked_at
    assert owner.post(url("keys/key_00000000000000000000000000/revoke/")).status_code == 404


def test_scope_and_expiry_are_what_was_chosen(himal, owner, url):
    make(owner, url, scope="read", expires="30")
    key = himal.app.api_keys.get(name="Checkout")
    assert key.scope == "read"
    assert timedelta(days=29, hours=23) < key.expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "x" * 81}, {"scope": "god"}, {"expires": "-1"}])
def test_a_key_that_cannot_be_is_not_made(himal, owner, url, wrong):
    keys = himal.app.api_keys.count()
    assert owner.post(url("keys/new/"), KEY | wrong).status_code == 422
    assert himal.app.api_keys.count() == keys


def test_the_plans_limit_is_told(himal, owner, url):
    plan = himal.app.merchant.plan
    plan.max_keys = himal.app.api_keys.count()
    plan.save()
    answer = owner.post(url("keys/new/"), KEY)
    assert answer.status_code == 422
    assert "keys in use for each app" in answer.content.decode()
    assert not himal.app.api_keys.filter(name="Checkout").exists()


def test_the_list_finds_and_sorts_and_says_when_nothing_fits(himal, owner, url):
    himal.app.api_keys.all().delete()
    assert "No key yet" in owner.get(url("keys/")).content.decode()
    for name in ("Bravo", "Alpha"):
        make(owner, url, name=name)
    himal.app.api_keys.get(name="Alpha").revoke()
    page = owner.get(url("keys/?sort=name")).content.decode()
    assert page.index("<strong>Alpha") < page.index("<strong>Bravo")
    page = owner.get(url("keys/?sort=-name")).content.decode()
    assert page.index("<strong>Bravo") < page.index("<strong>Alpha")
    page = owner.get(url("keys/?state=revoked")).content.decode()
    assert "<strong>Alpha" in page
    assert "<strong>Bravo" not in page
    assert "No key matches" in owner.get(url("keys/?q=zulu")).content.decode()
    assert "not understood" in owner.get(url("keys/?state=lost")).content.decode()


def test_the_list_costs_the_same_with_ten_keys_and_with_a_hundred(himal, owner, url):
    counts = []
    for target in (10, 100):
        have = himal.app.api_keys.count()
        for number in range(have, target):
            ApiKey.objects.create(
                app=himal.app, name=f"k{number}", prefix="inc_live_", last4="abcd", digest=f"{number:064}", created_by=owner.user
            )  # fmt: skip
        owner.get(url("keys/"))
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert owner.get(url("keys/")).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12


def rolled(browser, url, key: ApiKey, overlap: str, **more):
    return browser.post(url(f"keys/{key.pk}/roll/"), {"overlap": overlap} | more)


@pytest.mark.parametrize(("overlap", "status"), [("24", 200), ("1", 200), ("0", 401)])
def test_a_rolled_key_lives_as_long_as_was_said(himal, owner, url, overlap, status):
    old = Caller(himal.app, make(owner, url, scope="read"))
    key = himal.app.api_keys.get(name="Checkout")
    answer = rolled(owner, url, key, overlap)
    assert answer.status_code == 201 and "no-store" in answer["Cache-Control"]
    new = Caller(himal.app, SECRET.search(answer.content.decode()).group())
    assert new.secret != old.secret and new.get("/campaigns").status == 200
    assert old.get("/campaigns").status == status

    key.refresh_from_db()
    replacement = himal.app.api_keys.get(pk=key.replaced_by_id)
    assert (replacement.name, replacement.scope, replacement.expires_at) == ("Checkout", "read", None)
    if overlap != "0":
        hours = timedelta(hours=int(overlap))
        assert hours - timedelta(minutes=5) < key.expires_at - timezone.now() <= hours
        assert "ends by itself" in body(owner.get(url("keys/")))
        assert "rolled already" in rolled(owner, url, key, "1").content.decode()
    else:
        assert "revoked or has expired" in rolled(owner, url, key, "1").content.decode()
    assert himal.app.api_keys.filter(name="Checkout").count() == 2


def test_a_key_that_expires_is_followed_by_one_that_lives_as_long(himal, owner, url):
    make(owner, url, expires="30")
    key = himal.app.api_keys.get(name="Checkout")
    rolled(owner, url, key, "24")
    replacement = himal.app.api_keys.exclude(pk=key.pk).get(name="Checkout")
    assert timedelta(days=29, hours=23) < replacement.expires_at - timezone.now() <= timedelta(days=30)


def test_rolling_is_possible_where_the_plan_allows_no_key_more_and_is_not_endless(himal, owner, url):
    make(owner, url)
    plan = himal.app.merchant.plan
    plan.max_keys = himal.app.api_keys.count()
    plan.save()
    for _ in range(plan.max_keys):
        key = himal.app.api_keys.get(name="Checkout", replaced_by=None)
        assert rolled(owner, url, key, "24").status_code == 201
    key = himal.app.api_keys.get(name="Checkout", replaced_by=None)
    answer = rolled(owner, url, key, "24")
    assert answer.status_code == 422 and "without overlap" in answer.content.decode()
    assert rolled(owner, url, key, "0").status_code == 201
    assert owner.post(url("keys/new/"), KEY).status_code == 422


def test_reloading_the_page_after_a_roll_rolls_nothing(himal, owner, url):
    make(owner, url)
    key = himal.app.api_keys.get(name="Checkout")
    once = re.search(r'name="once" value="([^"]+)"', owner.get(url(f"keys/{key.pk}/roll/")).content.decode()).group(1)
    rolled(owner, url, key, "24", once=once)
    again = owner.post(url(f"keys/{key.pk}/roll/"), {"overlap": "24", "once": once}, follow=True)
    assert "shown only once" in again.content.decode() and not SECRET.search(again.content.decode())
    assert himal.app.api_keys.filter(name="Checkout").count() == 2
    assert rolled(owner, url, key, "7").status_code == 422


@pytest.mark.django_db(transaction=True)
def test_a_form_that_is_sent_many_times_at_once_does_what_it_does_once(himal, owner, url):
    business = {"name": "Himal Two", "currency": "USD", "timezone": "UTC", "template": "give-and-get"}
    hooks = {"url": "https://himal.example/hooks", "everything": "on"}
    forms = {
        "/dashboard/start/": (business, 302, lambda: owner.user.memberships.count()),
        url("keys/new/"): (KEY, 201, lambda: himal.app.api_keys.filter(name="Checkout").count()),
        url("webhooks/new/"): (hooks, 201, lambda: WebhookEndpoint.objects.filter(app=himal.app).count()),
        url("widgets/secret/"): ({}, 201, lambda: himal.app.signing_secrets.count()),
    }
    for path, (sent, status, count) in forms.items():
        sent |= {"once": re.search(r'name="once" value="([^"]+)"', body(owner.get(path)))[1]}
        tabs = [Client() for _ in range(4)]
        for tab in tabs:
            tab.cookies = owner.cookies.copy()
        before = count()
        answers = at_once(4, lambda place, path=path, sent=sent, tabs=tabs: tabs[place].post(path, sent).status_code)
        assert sorted(answers) == sorted([status, 302, 302, 302]), path
        assert count() == before + 1, path


def test_ten_tabs_roll_a_key_once(transactional_db, himal):
    key = himal.app.api_keys.get()

    def roll(_: int):
        return ApiKey.objects.get(pk=key.pk).roll(timedelta(hours=1))

    results = at_once(10, roll)
    assert sum(isinstance(each, tuple) for each in results) == 1
    assert {each.code for each in results if not isinstance(each, tuple)} == {"key_already_rolled"}
    assert himal.app.api_keys.count() == 2


def test_kinds_are_told_apart_and_snippets_name_the_readers_campaign(himal, owner, url):
    campaign = himal.campaign()
    make(owner, url, name="In the page", scope="publishable")
    page = owner.get(url("keys/")).content.decode()
    assert campaign in page and "$INCENTA_KEY" in page and "getenv(&quot;INCENTA_KEY&quot;)" in page
    browser = owner.get(url("keys/?kind=browser")).content.decode()
    assert (
        "<strong>In the page" in browser and "<strong>tests" not in browser and "from allowed domains only" in browser
    )
