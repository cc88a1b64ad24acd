"""API keys: made, shown once, used, revoked."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incenta.accounts.models import ApiKey
from tests.cast import Caller
from tests.dashboard.conftest import KEY, body

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
