"""What a web page may do with a publishable key alone, what it needs its user's token for, and what it never may."""

import time
from itertools import product

import pytest
from django.utils import timezone

from incenta.api import browser, metering
from incenta.api.views import ApiView
from incenta.widgets.models import BoardNames, WidgetSettings
from tests.cast import caller
from tests.marketplace.stalls import earns, opens, redeems, sells
from tests.test_isolation import api_calls

from .conftest import opened

pytestmark = pytest.mark.django_db

MARKET = "/incentives/marketplace"
ALONE = {
    "GET incentives/leaderboard",
    "GET incentives/marketplace/public/listings",
    "GET incentives/marketplace/public/listings/<str:listing_id>",
}
WITH_TOKEN = {
    "POST referrals",
    "GET users/<path:user_id>/stats",
    "GET incentives/balances/<user_id:user_id>",
    "GET incentives/leaderboard/<user_id:user_id>",
    "GET incentives/marketplace/redemptions",
    "POST incentives/marketplace/redeem",
}


@pytest.fixture
def market(shop):
    """The shop sells tents to its own users; asha has 1,000 coins."""
    opens(shop.server)
    listing = sells(shop.server)
    earns(shop.server, "asha")
    return listing


# --- what is open -----------------------------------------------------------------------------------------------------
def test_the_list_of_what_browsers_may_call_is_this_one():
    """Whoever opens a call to browsers says so here, and asks himself whose data it shows."""
    alone, with_token = set(), set()
    for label, method, route in api_calls():
        view: type[ApiView] = route.view
        assert view.of_user <= view.publishable
        if method in view.publishable:
            (with_token if method in view.of_user else alone).add(label)
    assert alone == ALONE
    assert with_token == WITH_TOKEN


def test_every_other_call_is_refused(shop):
    page = shop.page("asha")
    names = {"user_id": "asha", "level": "1"}
    for label, method, route in api_calls():
        if label in ALONE | WITH_TOKEN or route.view.public:
            continue
        path = route.path({called: names.get(called, "x") for called in route.called.values()})
        answer = page(method, path.removeprefix("/v1"), {} if method in ("POST", "PATCH") else None)
        assert (answer.status, answer["code"]) == (403, "missing_scope"), label
        browser.visits.forget()


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example", "https://shop.example.com.evil.example"])
def test_a_token_opens_nothing_from_another_domain(shop, origin):
    answer = shop.page("asha", origin=origin).get("/users/asha/stats")
    assert (answer.status, answer["code"]) == (403, "missing_scope")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_learns_of_every_refusal(shop):
    answer = shop.page().get("/users/asha/stats")
    assert (answer.status, answer["code"]) == (401, "user_token_required")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example.com"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("ended", "code"), [("revoked_at", "unauthorized"), ("expires_at", "key_expired")])
def test_a_page_learns_that_its_key_has_ended_and_another_page_does_not(shop, ended, code):
    """Without these headers a browser hides the answer, and the merchant looks for a fault of the network."""
    key = shop.app.api_keys.get(scope="publishable")
    setattr(key, ended, timezone.now())
    key.save()
    answer = shop.page().get("/incentives/leaderboard")
    assert (answer.status, answer["code"]) == (401, code)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example.com"
    other = shop.page(origin="https://evil.example").get("/incentives/leaderboard")
    assert other.status == 401 and "Access-Control-Allow-Origin" not in other.headers


def test_preflights_name_the_header_and_only_what_is_open(shop):
    asked = {"access_control_request_method": "POST", "access_control_request_headers": "x-user-token"}
    answer = shop.page()("OPTIONS", "/incentives/leaderboard", **asked)
    assert "x-user-token" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Allow-Methods"] == "GET", "scores are set by servers"


# --- whose data -------------------------------------------------------------------------------------------------------
def own_calls(user: str, listing: str) -> list[tuple]:
    return [
        ("GET", f"/users/{user}/stats"),
        ("GET", f"/incentives/balances/{user}"),
        ("GET", f"/incentives/leaderboard/{user}"),
        ("GET", f"{MARKET}/redemptions?userId={user}"),
        ("POST", "/referrals", {"referrerId": user}),
        ("POST", f"{MARKET}/redeem", {"listingId": listing, "userId": user}),
    ]


def test_a_user_reads_and_spends_his_own(shop, market):
    shop.server.campaign()
    for call in own_calls("asha", market):
        assert shop.page("asha")(*call).status in (200, 201), call
    assert shop.server.get("/incentives/balances/asha")["coins"] == 900


def test_with_my_token_nobody_elses(shop, market):
    shop.server.campaign()
    page = shop.page("mallory")
    for call, of_nobody in zip(own_calls("asha", market), own_calls("nobody-at-all", market), strict=True):
        answer = page(*call)
        assert (answer.status, answer["code"]) == (403, "not_your_user"), call
        assert page(*of_nobody).json | {"requestId": ""} == answer.json | {"requestId": ""}, "nor whether there is one"
    assert shop.server.get("/incentives/balances/asha")["coins"] == 1_000
    assert shop.app.referrals.count() == shop.app.marketplace_redemptions.count() == 0


def test_without_a_token_or_with_a_bad_one_nothing_moves(shop, market):
    shop.server.campaign()
    page = shop.page()
    refusals = {"": "required", "x.y.z": "invalid", shop.sign("asha", lives_s=-90): "expired"}
    for token, code in refusals.items():
        page.token = token
        for call in own_calls("asha", market):
            answer = page(*call)
            assert (answer.status, answer["code"]) == (401, f"user_token_{code}"), call
    assert shop.server.get("/incentives/balances/asha")["coins"] == 1_000
    assert shop.app.referrals.count() == 0


def test_a_bad_token_is_refused_also_where_none_is_needed(shop):
    page = shop.page()
    assert page.get("/incentives/leaderboard").status == 200
    page.token = "x.y.z"
    assert page.get("/incentives/leaderboard")["code"] == "user_token_invalid"


def test_a_token_of_another_tenant_opens_nothing(shop, rival, market):
    other = opened(rival)
    page = shop.page()
    page.token = other.sign("asha")
    assert page.get("/users/asha/stats").status == 401
    other.browser.secret, ours = shop.browser.secret, other.browser.secret
    mixed = other.page("asha")  # the rival's token with our key, and the other way round
    assert mixed.get("/users/asha/stats").status == 401
    shop.browser.secret = ours
    assert shop.page("asha").get("/users/asha/stats").status == 401


def test_a_server_needs_no_token_and_is_bound_by_none(shop):
    assert shop.server.get("/users/asha/stats", x_user_token="x.y.z").status == 200
    assert shop.server.get("/users/asha/stats", x_user_token=shop.sign("mallory")).status == 200


# --- referrals --------------------------------------------------------------------------------------------------------
def test_a_share_button_may_be_pressed_every_time(shop):
    shop.server.campaign(status="PAUSED")
    shop.server.campaign(name="Older")
    present = shop.server.campaign(name="Present")
    shop.server.campaign(name="Later", status="DRAFT")
    page = shop.page("asha")
    first, again = (page.post("/referrals", {"referrerId": "asha"}) for _ in range(2))
    assert (first.status, again.status) == (201, 200)
    assert first["referralCode"] == again["referralCode"] == shop.server.code(present)


def test_where_no_campaign_runs_it_says_so(shop):
    answer = shop.page("asha").post("/referrals", {"referrerId": "asha"})
    assert (answer.status, answer["code"]) == (400, "campaign_not_active")


def test_a_page_asks_for_its_users_code_and_says_nothing_more(shop):
    shop.server.campaign()
    more = {"code": "FREE", "refereeId": "bikram", "metadata": {}, "referrerEmail": "a@example.com", "context": {}}
    for name, value in more.items():
        assert shop.page("asha").post("/referrals", {"referrerId": "asha", name: value}).status == 400, name
    assert shop.app.referrals.count() == 0


def test_who_is_suspected_does_not_learn_it_from_his_browser(shop):
    campaign = shop.server.campaign()
    shop.server.post("/fraud/lists", {"side": "DENY", "kind": "USER", "value": "mallory", "reason": "again"})
    told = shop.page("mallory").post("/referrals", {"referrerId": "mallory", "campaignId": campaign}).json
    assert (told["status"], told["riskScore"], told["warning"], told["reasons"]) == ("PENDING", None, None, None)
    assert shop.app.referrals.get().is_flagged


# --- spending ---------------------------------------------------------------------------------------------------------
def test_a_users_list_shows_neither_what_is_owed_nor_what_is_thought_of_him(shop, market):
    redeems(shop.server, market, "asha")
    redeems(shop.server, market, "asha")
    earns(shop.server, "bikram")
    redeems(shop.server, market, "bikram")
    found = shop.page("asha").get(f"{MARKET}/redemptions")["redemptions"]
    assert len(found) == 2 and {each["userId"] for each in found} == {"asha"}
    assert not {"owed", "currency", "riskScore", "orderReference", "settledBy", "issuer", "role"} & set(found[0])
    assert found[0]["discountCode"]


def test_nor_what_others_redeemed_here(shop):
    for query in ("role=business", "role=issuer", "code=CAFE-1"):
        assert shop.page("asha").get(f"{MARKET}/redemptions?{query}").status == 403


def test_a_redemption_sent_twice_is_one(shop, market):
    wish = {"listingId": market, "userId": "asha"}
    page = shop.page("asha")
    first, again = (page.post(f"{MARKET}/redeem", wish, idempotency_key="wish-1") for _ in range(2))
    assert first["discountCode"] == again["discountCode"] and again.headers["Idempotency-Replayed"] == "true"
    assert first["riskScore"] is None
    assert shop.server.get("/incentives/balances/asha")["coins"] == 900


def test_one_users_answer_is_not_replayed_to_another(shop, market):
    """All browsers share one key: the same body under the same name, but somebody else's token."""
    shop.server.campaign()
    page = shop.page("asha")
    mine = page.post(f"{MARKET}/redeem", {"listingId": market, "userId": "asha"}, idempotency_key="k")
    page.token = shop.sign("mallory")
    stolen = page.post(f"{MARKET}/redeem", {"listingId": market, "userId": "asha"}, idempotency_key="k")
    assert (stolen.status, stolen["code"]) == (403, "not_your_user")
    assert mine["discountCode"] not in str(stolen.json)
    # nor does a page take a name away from the server
    sent = shop.server.post(f"{MARKET}/redeem", {"listingId": market, "userId": "asha"}, idempotency_key="k")
    assert sent.status == 201 and sent["discountCode"] != mine["discountCode"]


# --- boards -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def board(shop):
    shop.server.post("/incentives/leaderboard", {"userId": "asha@example.com", "xp": 30})
    shop.server.post("/incentives/leaderboard", {"userId": "bikram", "xp": 20})
    shop.server.post("/incentives/leaderboard", {"userId": "mo", "xp": 10})
    return "/incentives/leaderboard"


def test_on_a_board_others_are_masked(shop, board):
    assert [line["userId"] for line in shop.page().get(board).json] == ["a•••m", "b•••m", "•••"]
    lines = shop.page("bikram").get(board).json
    assert [(line["userId"], line["isYou"]) for line in lines] == [("a•••m", False), ("bikram", True), ("•••", False)]
    place = shop.page("bikram").get(f"{board}/bikram").json
    assert (place["rank"], place["above"][0]["userId"], place["below"][0]["userId"]) == (2, "a•••m", "•••")
    assert "isYou" not in shop.server.get(board).json[0]
    assert shop.server.get(board).json[0]["userId"] == "asha@example.com"


def test_unless_the_app_shows_them(shop, board):
    campaign = shop.server.campaign()
    shop.server.code(campaign, "bikram", referrerUsername="Bikram T.")
    settled = WidgetSettings.objects.create(app=shop.app, board_names=BoardNames.USERNAME)
    assert [line["userId"] for line in shop.page().get(board).json] == ["a•••m", "Bikram T.", "•••"]
    settled.board_names = BoardNames.USER_ID
    settled.save()
    assert [line["userId"] for line in shop.page().get(board).json] == ["asha@example.com", "bikram", "mo"]


# --- limits -----------------------------------------------------------------------------------------------------------
def test_one_visitor_uses_up_nobodys_limit(shop, monkeypatch):
    monkeypatch.setattr(browser, "READS_PER_MINUTE", 3)
    monkeypatch.setattr(browser, "WRITES_PER_MINUTE", 1)
    page, minute = shop.page("asha"), time.time() // 60 * 60
    monkeypatch.setattr(browser.time, "time", lambda: minute)
    found = [page.get("/incentives/leaderboard") for _ in range(5)]
    assert [answer.status for answer in found] == [200] * 3 + [429] * 2
    assert found[-1]["code"] == "rate_limited" and found[-1].headers["Retry-After"] == "60"
    assert found[-1].headers["Access-Control-Allow-Origin"] == page.origin, "the page may read it"
    assert [page.post("/referrals", {"referrerId": "asha"}).status for _ in range(2)] == [400, 429]
    assert shop.server.get("/incentives/leaderboard").status == 200


def test_visitors_leave_the_servers_their_half_of_the_month(shop):
    """Whoever reads the key in the page can call from anywhere, for a month: orders are reported all the same."""
    plan = shop.app.merchant.plan
    plan.monthly_calls = 8
    plan.save()
    metering.meter.forget()
    found = [shop.page().get("/incentives/leaderboard") for _ in range(6)]
    assert [answer.status for answer in found] == [200] * 4 + [429] * 2
    assert found[-1]["code"] == "monthly_limit_exceeded" and found[-1]["details"]["limit"] == 4
    assert int(found[-1].headers["Retry-After"]) > 0
    assert [shop.server.get("/incentives/leaderboard").status for _ in range(5)] == [200] * 4 + [429]
    assert shop.app.events.filter(type="USAGE_LIMIT_EXCEEDED").count() == 1


# --- secret keys ------------------------------------------------------------------------------------------------------
def test_a_secret_key_is_refused_in_a_browser(shop):
    for secret, site in product((caller(shop.app, "read"), shop.server), ("cross-site", "same-site")):
        answer = secret.get("/incentives/leaderboard", origin="https://shop.example.com", sec_fetch_site=site)
        assert (answer.status, answer["code"]) == (403, "secret_key_in_browser")
        assert "Access-Control-Allow-Origin" not in answer.headers
        # our own console, and servers
        assert secret.get("/incentives/leaderboard", sec_fetch_site="same-origin").status == 200
        assert secret.get("/incentives/leaderboard").status == 200
