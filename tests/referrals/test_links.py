"""The short link ``/r/{code}``: what a friend's browser meets."""

import pytest
from django.test import Client

from incenta.accounts.models import App
from referrals.links.views import with_code
from referrals.models import Click
from tests.cast import Caller
from tests.referrals.promises import told

pytestmark = pytest.mark.django_db

LANDING = "https://himal.example/welcome"


def follow(link: str, method: str = "GET", **headers):
    """What a browser gets for a link, as the API wrote it or shortened to its path."""
    path = link.removeprefix("http://testserver")
    return Client(raise_request_exception=False).generic(
        method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def link_of(himal: Caller, campaign: str, referrer: str = "asha", **more) -> str:
    return himal.post("/referrals", {"campaignId": campaign, "referrerId": referrer} | more)["referralUrl"]


def clicks(himal: Caller) -> int:
    return Click.objects.filter(app=himal.app).count()


def test_a_friend_is_sent_on_and_counted(himal):
    campaign = himal.campaign(landingUrl=LANDING)
    link = link_of(himal, campaign, code="Save20")
    answer = follow(link)
    assert (answer.status_code, answer["Location"]) == (302, f"{LANDING}?ref=Save20")
    cookie = answer.cookies["incenta_ref"]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == ("Save20", True, "Lax")
    assert int(cookie["max-age"]) > 0 and not cookie["domain"]
    assert "no-store" in answer["Cache-Control"]  # a link answered from a cache is a click that nobody counts
    assert clicks(himal) == 1
    (event,) = told(himal.app, "REFERRAL_CLICKED")
    assert (event["referralCode"], event["refereeId"]) == ("Save20", None)
    assert himal.get("/referrals/save20")["referral"]["clicks"] == 1


@pytest.mark.parametrize("typed", ["/r/save20", "/r/SAVE20/", "/r/SaVe20", "/r/%20save20"])
def test_a_link_may_be_typed(himal, typed):
    link_of(himal, himal.campaign(landingUrl=LANDING), code="Save20")
    assert follow(typed)["Location"] == f"{LANDING}?ref=Save20"


@pytest.mark.parametrize(
    ("landing", "to"),
    [
        ("https://a.example", "https://a.example?ref=C-1"),
        ("https://a.example/?ref=OLD&x=1", "https://a.example/?x=1&ref=C-1"),
        ("https://a.example/?%72ef=OLD", "https://a.example/?ref=C-1"),
        ("https://a.example/?q=a%20b+c&flag&é=%E9#part", "https://a.example/?q=a%20b+c&flag&é=%E9&ref=C-1#part"),
        (
            "https://a.example/?reference=9&to=https://b.example",
            "https://a.example/?reference=9&to=https://b.example&ref=C-1",
        ),
        ("https://a.example/#/route?ref=x", "https://a.example/?ref=C-1#/route?ref=x"),
    ],
)
def test_the_rest_of_the_landing_page_stays_as_the_merchant_wrote_it(landing, to):
    assert with_code(landing, "C-1") == to


@pytest.mark.parametrize(
    "query", ["?url=https://evil.example", "?ref=OTHER", "?next=//evil.example", "?landingUrl=https://evil.example"]
)
def test_it_is_no_open_redirect(himal, query):
    link = link_of(himal, himal.campaign(landingUrl=LANDING), code="Save20")
    assert follow(link + query, x_forwarded_host="evil.example")["Location"] == f"{LANDING}?ref=Save20"


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"Sec_Purpose": "prefetch"}),
        ("GET", {"Sec_Purpose": "prefetch;prerender"}),
        ("GET", {"Purpose": "prefetch"}),
        ("GET", {"X_Moz": "prefetch"}),
        ("GET", {"Purpose": "preview"}),
    ],
)
def test_looking_ahead_is_no_click(himal, method, headers):
    campaign = himal.campaign(landingUrl=LANDING)
    link = link_of(himal, campaign)
    answer = follow(link, method, **headers)
    assert answer.status_code == 302 and not answer.cookies
    assert clicks(himal) == 0 and told(himal.app, "REFERRAL_CLICKED") == []
    himal.patch(f"/campaigns/{campaign}", {"status": "PAUSED"})
    assert follow(link, method, **headers).status_code == 410


def test_nothing_can_be_posted(himal):
    link = link_of(himal, himal.campaign(landingUrl=LANDING))
    assert [follow(link, method).status_code for method in ("POST", "PUT", "DELETE")] == [405] * 3
    assert clicks(himal) == 0


def test_without_a_landing_page_the_friend_sees_the_code(himal):
    link = link_of(himal, himal.campaign(name="<b>Friends & more</b>"), code="Save20")
    answer = follow(link)
    assert answer.status_code == 200 and answer.cookies["incenta_ref"].value == "Save20"
    assert b"Save20" in answer.content and b"&lt;b&gt;Friends &amp; more" in answer.content
    assert clicks(himal) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [{"status": "PAUSED"}, {"status": "EXPIRED"}, {"endDate": "2020-01-01T00:00:00Z"}])
def test_a_closed_campaign_says_so_and_counts_nothing(himal, change):
    campaign = himal.campaign(landingUrl=LANDING)
    link = link_of(himal, campaign)
    assert himal.patch(f"/campaigns/{campaign}", change).status == 200
    answer = follow(link)
    assert answer.status_code == 410 and "Location" not in answer and not answer.cookies
    assert clicks(himal) == 0


def test_a_suspended_apps_links_are_closed(himal):
    link = link_of(himal, himal.campaign(landingUrl=LANDING))
    App.objects.filter(pk=himal.app.pk).update(status="SUSPENDED")
    assert follow(link).status_code == 410
    assert clicks(himal) == 0


@pytest.mark.parametrize("slug", ["NOSUCH", "a" * 500, "%00", "%FF", "SAVE20.XXXX", "..", "'--", "😀"])
def test_an_unknown_link_is_a_page_not_a_fault(himal, slug):
    link_of(himal, himal.campaign(landingUrl=LANDING), code="SAVE20")
    answer = follow(f"/r/{slug}")
    assert answer.status_code in (400, 404) and not answer.cookies
    assert clicks(himal) == 0


def test_two_merchants_with_one_code_both_have_links_that_work(himal, rival):
    ours = link_of(himal, himal.campaign(landingUrl=LANDING), code="Save20")
    theirs = link_of(rival, rival.campaign(landingUrl="https://rival.example/"), code="SAVE20")
    assert ours != theirs
    for _ in range(2):
        assert follow(ours)["Location"] == f"{LANDING}?ref=Save20"
        assert follow(theirs)["Location"] == "https://rival.example/?ref=SAVE20"
    assert (clicks(himal), clicks(rival)) == (2, 2)
    shown = rival.get("/referrals/save20")["referral"]
    assert (shown["referralUrl"], shown["clicks"]) == (theirs, 2)
    assert link_of(rival, rival.get("/campaigns")["campaigns"][0]["id"], code="SAVE20") == theirs


def test_a_change_of_the_landing_page_is_in_force_at_once(himal):
    campaign = himal.campaign(landingUrl=LANDING)
    link = link_of(himal, campaign, code="Save20")
    follow(link)
    himal.patch(f"/campaigns/{campaign}", {"landingUrl": "https://himal.example/new"})
    assert follow(link)["Location"] == "https://himal.example/new?ref=Save20"


def test_the_link_of_a_code_made_for_one_friend_counts_as_that_friends_click(himal):
    campaign = himal.campaign(landingUrl=LANDING, conversionWindowDays=7)
    follow(link_of(himal, campaign, refereeId="bikram"))
    follow(link_of(himal, campaign))
    assert list(Click.objects.order_by("id").values_list("referee_id", flat=True)) == ["bikram", None]
