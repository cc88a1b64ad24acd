"""Coming in and going out: the front page, sign-up, the first screen, sign-out, the theme."""

import pytest
from django.test import Client
from django.urls import reverse

from incenta.accounts.models import App, Merchant, User
from tests.dashboard.conftest import sign_in

pytestmark = pytest.mark.django_db


def test_the_front_page_says_what_this_is_and_asks_the_database_nothing(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        page = client.get("/")
    assert page.status_code == 200
    assert "Create account" in page.content.decode()
    assert "'unsafe" not in page["Content-Security-Policy"]


def test_sign_up_leads_to_naming_the_business_and_then_into_its_sandbox(client):
    signed_up = client.post(reverse("account_signup"), {"email": "asha@himal.example", "password1": "tall-mountain-9"})
    assert signed_up.url == "/dashboard/"
    assert client.get("/dashboard/").url == "/dashboard/start/"

    first = {"name": "Himal", "currency": "NPR", "timezone": "Asia/Kathmandu", "template": "give-and-get"}
    named = client.post("/dashboard/start/", first)

    live = App.objects.get(sandbox_of=None)
    assert (live.name, live.currency, live.timezone) == ("Himal", "NPR", "Asia/Kathmandu")
    assert named.url == f"/dashboard/{live.sandbox.pk}/first-run/"
    assert User.objects.get().timezone == "Asia/Kathmandu"
    page = client.get(named.url).content.decode()
    assert "Sandbox.</strong>" in page
    assert "Make it happen" in page
    assert client.get("/dashboard/").url == f"/dashboard/{live.sandbox.pk}/overview/"


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"name": "x" * 121}, {"currency": "XXX"}, {"timezone": "Mars/Olympus"}]
)
def test_a_business_that_cannot_be_is_refused_and_nothing_is_made(himal, wrong):
    newcomer = Client()
    newcomer.force_login(
        User.objects.create_user("new@example.com", "x"), backend="django.contrib.auth.backends.ModelBackend"
    )
    merchants = Merchant.objects.count()
    answer = newcomer.post("/dashboard/start/", {"name": "New", "currency": "USD", "timezone": "UTC"} | wrong)
    assert answer.status_code in (302, 422)
    assert Merchant.objects.count() == merchants


def test_sign_out_needs_a_post(owner, url):
    asked = owner.get(reverse("account_logout"))
    assert asked.status_code == 200
    assert owner.get(url("campaigns/")).status_code == 200

    owner.post(reverse("account_logout"))

    assert owner.get(url("campaigns/")).url.startswith("/accounts/login/?next=")


def test_nobody_signed_in_is_led_to_sign_in_and_back(client, himal, url):
    answer = client.get(url("campaigns/?q=spring"))
    assert answer.url == f"/accounts/login/?next={url('campaigns/')}%3Fq%3Dspring"


def test_a_fragment_asked_for_after_the_session_ended_sends_the_browser_to_sign_in(client, himal, url):
    answer = client.get(
        url("campaigns/"), headers={"hx-request": "true", "hx-current-url": f"http://testserver{url('campaigns/')}"}
    )
    assert answer.status_code == 200
    assert answer["HX-Redirect"].startswith("/accounts/login/?next=/dashboard/")
    assert not answer.content


def test_the_theme_is_remembered_without_a_script_and_leads_nowhere_else(client):
    answer = client.post("/theme/", {"theme": "dark", "next": "/accounts/login/"})
    assert answer.url == "/accounts/login/"
    assert 'class="dark"' in client.get("/").content.decode()
    assert client.post("/theme/", {"theme": "light", "next": "https://evil.example/"}).url == "/"
    assert client.get("/theme/").status_code == 405


def test_pages_are_not_kept_by_the_browser(owner, url):
    assert "no-store" in owner.get(url("keys/"))["Cache-Control"]


POSTS = (
    "keys/new/",
    "keys/key_x/revoke/",
    "campaigns/new/",
    "campaigns/{campaign}/edit/",
    "campaigns/{campaign}/pause/",
    "apps/new/",
)


@pytest.mark.parametrize("path", POSTS)
def test_a_form_from_elsewhere_changes_nothing(himal, url, path):
    campaign = himal.campaign()
    browser = sign_in(himal.app.merchant, enforce_csrf_checks=True)
    keys = himal.app.api_keys.count()
    answer = browser.post(url(path.format(campaign=campaign)), {"name": "x", "scope": "full"})
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
    assert himal.app.api_keys.count() == keys
    assert himal.get(f"/campaigns/{campaign}")["status"] == "ACTIVE"


def test_an_address_that_is_nothing_is_a_page_too(client):
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_times_are_told_in_the_readers_zone_with_utc_beside(himal, owner, url):
    campaign = himal.campaign()
    himal.app.campaigns.filter(pk=campaign).update(created_at="2026-03-01T20:30:00Z")
    owner.user.timezone = "Asia/Kathmandu"
    owner.user.save()
    page = owner.get(url("campaigns/")).content.decode()
    assert 'datetime="2026-03-01T20:30:00Z"' in page
    assert "2 Mar 2026, 02:15" in page
    assert "+0545" in page
    assert "1 Mar 20:30:00 UTC" in page


def test_preferences_are_ones_own(owner):
    assert owner.post("/dashboard/preferences/", {"name": "Asha", "timezone": "Europe/Paris"}).status_code == 302
    owner.user.refresh_from_db()
    assert (owner.user.name, owner.user.timezone) == ("Asha", "Europe/Paris")
    assert owner.post("/dashboard/preferences/", {"name": "Asha", "timezone": "Nowhere"}).status_code == 422
