"""What a call costs in SQL statements, BEGIN and COMMIT included: the noise-free measure.

An endpoint is subscribed and caches are warm. The bounds are those of the issue; an earlier implementation of the same
API needed 31, 39, 19 and 18.
"""

import json
import re
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver

from fraud import precision
from incenta import clock
from incenta.api import authentication, metering, request_log
from incenta.api.lists import ListView
from incenta.database import sql
from incenta.events import dispatch
from incentives import ledger
from marketplace import profiles
from marketplace.models import Listing
from referrals import usual
from tests.cast import Caller
from tests.everything import partner_of

pytestmark = pytest.mark.django_db(transaction=True)

REFERRAL, CONVERSION, CLICK, STATS = 7, 10, 5, 2
number = count(1)


def everything_of(act: Callable[[], object]) -> list[str]:
    """The statements of ``act``, each on one line, transaction control included."""
    with CaptureQueriesContext(connection) as captured:
        act()
    return [re.sub(r"\s+", " ", query["sql"]).strip()[:140] for query in captured.captured_queries]


def statements_of(act: Callable[[], object]) -> list[str]:
    """The same without metering's leases: one is taken for hundreds of calls, and anew when the minute turns, which may be
    within any call. That they are as rare as this says is proved below."""
    return [said for said in everything_of(act) if "api_allotment" not in said]


class Cost:
    """Collects what calls cost, so that a failure shows the whole table and the statements of what is over."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.over: list[str] = []

    def of(self, name: str, most: int, act: Callable[[], object]) -> int:
        sent = statements_of(act)
        self.lines.append(f"{'!!' if len(sent) > most else '  '} {name:<58} {len(sent):>3}  at most {most}")
        if len(sent) > most:
            self.over += [f"{name}:", *(f"    {place + 1:>2} {statement}" for place, statement in enumerate(sent))]
        return len(sent)

    def check(self) -> None:
        assert not self.over, "\n".join(["", *self.lines, "", *self.over])


@pytest.fixture
def cost():
    collected = Cost()
    yield collected
    collected.check()


@pytest.fixture(autouse=True)
def the_process_stays_warm(monkeypatch):
    """What a process remembers for some seconds (keys, what is usual, how precise a signal is) it remembers throughout:
    what is counted is a warm call, on a machine of any speed."""
    monkeypatch.setattr(authentication, "REMEMBERED_FOR", 3600.0)
    monkeypatch.setattr(usual, "KEPT_FOR", 3600.0)
    monkeypatch.setattr(precision, "KEPT_FOR", 3600.0)


@pytest.fixture
def himal(himal) -> Caller:
    """Our merchant with an endpoint that is told everything."""
    made = himal.post("/webhooks", {"url": "https://hooks.himal.example/incenta", "events": ["*"]})
    assert made.status == 201, made
    himal.get("/stats")  # key, plan and leases are known to the process from here on
    return himal


def warm(himal: Caller, **fields) -> tuple[str, str]:
    """A campaign and a code of asha's, with everything done once that the process then remembers."""
    campaign = himal.campaign(**fields)
    asha = himal.code(campaign, "asha")
    himal.post("/clicks", {"referralCode": asha})
    assert himal.convert(asha, f"bikram {next(number)}").status == 201
    return campaign, asha


KINDS = {
    "one-sided, percentage": {},
    "fixed": {"rewardModel": "FIXED", "rewardValue": 5},
    "two-sided": {"referralType": "TWO_SIDED", "refereeRewardValue": 5},
    "tiered": {
        "rewardModel": "TIERED",
        "tiers": [{"minConversions": 0, "rewardValue": 5}, {"minConversions": 3, "rewardValue": 8}],
    },
    "multi-level": {"referralType": "MULTI_LEVEL", "level2RewardValue": 2},
    "budget": {"budget": 100_000},
    "two-sided, budget, window, most rewards, hold days": {
        "referralType": "TWO_SIDED",
        "refereeRewardValue": 5,
        "budget": 100_000,
        "conversionWindowDays": 30,
        "maxRewardsPerReferrer": 500,
        "holdDays": 14,
    },
    "coins": {"fulfillmentType": "COINS", "rewardModel": "FIXED", "rewardValue": 5},
    "many a friend": {"firstTimeUserOnly": False},
}


@pytest.mark.parametrize("kind", KINDS)
def test_conversions(himal, cost, kind):
    campaign, asha = warm(himal, **KINDS[kind])
    if "MULTI_LEVEL" in KINDS[kind].values():  # through somebody whom asha has brought: two earners
        assert himal.convert(asha, "tara").status == 201
        asha = himal.code(campaign, "tara")

    def converts(code=asha, referee=None, status=201, headers=None, **more):
        answer = himal.convert(code, referee or f"friend {next(number)}", 50, **more, **(headers or {}))
        assert answer.status == status, answer

    def with_key(**more):
        body = {"referralCode": asha, "refereeId": f"friend {next(number)}", "amount": 50} | more
        assert himal.post("/conversions", body, idempotency_key=f"key {next(number)}").status == 201

    known = f"friend {next(number)}"
    himal.convert(himal.code(campaign, known), f"friend {next(number)}")  # has a wallet
    cost.of(f"POST /conversions, {kind}", CONVERSION, converts)
    cost.of(f"POST /conversions, {kind}, friend with a wallet", CONVERSION, lambda: converts(referee=known))
    newcomer = f"newcomer {next(number)}"
    hers = himal.code(campaign, newcomer)
    cost.of(f"POST /conversions, {kind}, new referrer", CONVERSION, lambda: converts(hers))
    cost.of(f"POST /conversions, {kind}, self-referral", CONVERSION, lambda: converts(hers, newcomer))
    cost.of(f"POST /conversions, {kind}, externalId", CONVERSION, lambda: converts(externalId=f"order {next(number)}"))
    cost.of(f"POST /conversions, {kind}, Idempotency-Key", CONVERSION, with_key)


def test_conversions_that_are_refused_or_repeated(himal, cost):
    _, asha = warm(himal)
    first = {"referralCode": asha, "refereeId": "chandra", "amount": 20, "externalId": "order 1"}
    assert himal.post("/conversions", first, idempotency_key="first").status == 201
    cost.of("POST /conversions, same order again", CONVERSION, lambda: himal.post("/conversions", first))
    cost.of("POST /conversions, same friend again", CONVERSION, lambda: himal.convert(asha, "chandra"))
    cost.of(
        "POST /conversions, Idempotency-Key replayed",
        3,
        lambda: himal.post("/conversions", first, idempotency_key="first"),
    )
    cost.of("POST /conversions, unknown code", 3, lambda: himal.convert("NOSUCHCODE", "deepa"))
    cost.of("POST /conversions, body refused", 2, lambda: himal.post("/conversions", {"referralCode": 5}))


def test_referrals(himal, cost):
    campaign, _ = warm(himal)

    def refers(headers=None, **more):
        body = {"campaignId": campaign, "referrerId": f"person {next(number)}"} | more
        answer = himal.post("/referrals", body, **(headers or {}))
        assert answer.status == 201, answer

    cost.of("POST /referrals", REFERRAL, refers)
    cost.of("POST /referrals, for one friend", REFERRAL, lambda: refers(refereeId="chandra"))
    cost.of("POST /referrals, vanity code", REFERRAL, lambda: refers(code=f"VANITY{next(number)}"))
    cost.of(
        "POST /referrals, username and e-mail",
        REFERRAL,
        lambda: refers(referrerUsername="p", referrerEmail="p@example.com"),
    )
    cost.of("POST /referrals, Idempotency-Key", REFERRAL, lambda: refers({"idempotency_key": f"key {next(number)}"}))
    cost.of(
        "POST /referrals, everything at once",
        REFERRAL,
        lambda: refers(
            {"idempotency_key": f"key {next(number)}"},
            referrerUsername="q",
            referrerEmail="q@example.com",
            refereeId="r",
        ),
    )
    cost.of(
        "POST /referrals, self-referral",
        REFERRAL,
        lambda: himal.post("/referrals", {"campaignId": campaign, "referrerId": "m", "refereeId": "m"}),
    )
    cost.of("POST /referrals, asked again", 4, lambda: himal.code(campaign, "asha"))


def test_clicks(himal, cost):
    _, asha = warm(himal)

    def clicks(headers=None, **more):
        assert himal.post("/clicks", {"referralCode": asha} | more, **(headers or {})).status == 200

    fresh = himal.code(himal.campaign(), "fresh")
    cost.of("POST /clicks, the code's first", CLICK, lambda: himal.post("/clicks", {"referralCode": fresh}))
    cost.of("POST /clicks", CLICK, clicks)
    cost.of("POST /clicks, by somebody", CLICK, lambda: clicks(refereeId="chandra"))
    cost.of("POST /clicks, Idempotency-Key", CLICK + 1, lambda: clicks({"idempotency_key": f"key {next(number)}"}))


def test_stats_at_any_number_of_rows(himal, cost):
    campaign, asha = warm(himal)
    cost.of("GET /stats of a campaign", STATS, lambda: himal.get(f"/stats?campaignId={campaign}"))
    cost.of("GET /stats of the app", STATS, lambda: himal.get("/stats"))
    for place in range(60):
        himal.post("/clicks", {"referralCode": asha, "refereeId": f"friend {place}"})
    cost.of("GET /stats with much that is not folded", STATS, lambda: himal.get(f"/stats?campaignId={campaign}"))


def test_the_count_is_what_goes_over_the_wire(himal):
    """Django's capture is believed above. Here is why: libpq's own trace of the same call carries as many."""
    campaign, asha = warm(himal)
    for _ in range(4):  # prepared from the third time on: a Parse of its own before that
        himal.convert(asha, f"friend {next(number)}", externalId=f"order {next(number)}")
        himal.get(f"/stats?campaignId={campaign}")
    for call in (
        lambda: himal.convert(asha, f"friend {next(number)}", externalId=f"order {next(number)}"),
        lambda: himal.get(f"/stats?campaignId={campaign}"),
    ):
        wire = connection.connection.pgconn
        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "trace").open("w+") as trace:
            wire.trace(trace.fileno())
            captured = everything_of(call)
            wire.untrace()
            trace.seek(0)
            sent = re.findall(r"\tF\t\d+\t(Query|Execute)\b", trace.read())
        assert len(sent) == len(captured), (sent, captured)


def test_metering_and_the_request_log_add_nothing_to_a_warm_call(himal):
    _, asha = warm(himal)
    request_log._queue.clear()  # lines of the tests before
    himal.post("/clicks", {"referralCode": asha})
    said = statements_of(lambda: himal.post("/clicks", {"referralCode": asha}))
    assert not [line for line in said if "api_requestlog" in line or "accounts_" in line], said
    assert len(request_log._queue), "the line waits in memory"
    before = sql.row("SELECT count(*) FROM api_requestlog")[0]
    written = statements_of(request_log.flush)
    assert sql.row("SELECT count(*) FROM api_requestlog")[0] > before
    assert len(written) <= 5, written  # BEGIN, the lines, the key's last use, the day's count, COMMIT


def test_a_lease_is_one_statement_for_hundreds_of_calls(himal):
    campaign, _ = warm(himal)

    def asks() -> tuple[int, int]:
        """Statements of metering's, and others."""
        said = everything_of(lambda: himal.get(f"/stats?campaignId={campaign}"))
        of_leases = sum("api_allotment" in line for line in said)
        return of_leases, len(said) - of_leases

    metering.meter.forget()
    began = datetime.now(UTC)
    costs = [asks() for _ in range(200)]
    ended = datetime.now(UTC)
    assert {of_others for _, of_others in costs} == {1}, costs
    assert costs[0][0] == 2, "the key's minute and the app's month"
    turned = (ended.timestamp() // 60 - began.timestamp() // 60) + (ended.month != began.month)
    assert sum(of_leases for of_leases, _ in costs) <= 2 + 2 * turned, "given back and taken anew when a window ends"


# --- lists -----------------------------------------------------------------------------------------------------------
def list_routes(resolver: URLResolver | None = None, prefix: str = "") -> list[str]:
    found = []
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            found += list_routes(entry, route)
        elif isinstance(entry, URLPattern) and route.startswith("v1/"):
            view = getattr(entry.callback, "cls", None)
            if view is not None and issubclass(view, ListView):
                found.append(route.removeprefix("v1"))
    return found


def some_conversions(himal: Caller, start: int, stop: int) -> None:
    campaign = himal.get("/campaigns")["campaigns"][-1]["id"]
    asha = himal.code(campaign, "asha")
    for place in range(start, stop):
        himal.code(campaign, f"referrer {place}")
        assert himal.convert(asha, f"friend {place}", metadata={"place": place}).status == 201


def some_campaigns(himal: Caller, start: int, stop: int) -> None:
    for place in range(start, stop):
        himal.campaign(name=f"Campaign {place}")


def some_endpoints(himal: Caller, start: int, stop: int) -> None:
    for place in range(start, min(stop, 45)):
        made = himal.post("/webhooks", {"url": f"https://hooks.himal.example/{place}", "events": ["REWARD_CREATED"]})
        assert made.status == 201, made


def some_deliveries(himal: Caller, start: int, stop: int) -> None:
    endpoint = himal.get("/webhooks")["webhooks"][-1]["id"]
    for _ in range(start, stop):
        assert himal.post(f"/webhooks/{endpoint}/test", {"event": "REWARD_CREATED"}).status == 201
        assert himal.post(f"/webhooks/{endpoint}/recover", {"since": "2026-01-01T00:00:00Z"}).status == 202


def made(himal: Caller, path: str, body: dict) -> dict:
    answer = himal.post(f"/incentives{path}", body)
    assert answer.status == 201, answer
    return answer.json


def some_actions(himal: Caller, start: int, stop: int) -> None:
    for place in range(start, stop):
        made(himal, "/actions", {"key": f"a{place}", "name": "Visit", "type": "STANDARD", "xp": 5})


def some_events(himal: Caller, start: int, stop: int) -> None:
    """Of asha's and of others', each with a milestone and a badge of its own."""
    for place in range(start, stop):
        action = made(himal, "/actions", {"key": f"e{place}", "name": "Visit", "type": "STANDARD", "xp": 5, "coins": 1})
        criteria = {"actionKey": action["key"], "count": 1}
        made(himal, "/badges", {"key": f"b{place}", "name": "Badge", "criteria": criteria})
        made(himal, "/milestones/rules", {"key": f"m{place}", "metric": "events", "threshold": place + 1})
        made(himal, "/events", {"userId": "asha", "actionKey": action["key"]})
        made(himal, "/events", {"userId": f"person {place}", "actionKey": action["key"]})


def some_levels(himal: Caller, start: int, stop: int) -> None:
    for place in range(start, stop):
        body = {"level": place + 2, "name": "Level", "xpThreshold": 1_000 * (place + 1), "backfill": True}
        made(himal, "/levels", body)


def some_adjustments(himal: Caller, start: int, stop: int) -> None:
    for _ in range(start, stop):
        made(himal, "/adjustments", {"userId": "asha", "coins": 10, "reason": "Thanks"})


def some_items(himal: Caller, start: int, stop: int) -> None:
    some_adjustments(himal, start, stop)
    for place in range(start, stop):
        item = made(himal, "/catalog", {"name": f"Mug {place}", "coinCost": 1})
        made(himal, "/redeem", {"userId": "asha", "itemId": item["id"]})


def opens_a_business(himal: Caller) -> None:
    """Where it has not: a verified one, at which its own users may spend."""
    if profiles.of(himal.app) is None:
        profiles.verify(made(himal, "/marketplace/profile", {"name": "Café"})["id"])
        assert himal.patch("/incentives/marketplace/settings", {"joined": True}).status == 200


def some_listings(himal: Caller, start: int, stop: int) -> None:
    """Each with codes, a stock and a promotion of its own."""
    opens_a_business(himal)
    for place in range(start, stop):
        body = {"title": f"Coffee {place}", "coinCost": place + 1, "inventory": 5, "codes": [f"C-{place}"]}
        listing = made(himal, "/marketplace/listings", body)["id"]
        winter = {"listingId": listing, "percentOff": 10, "endsAt": "2099-01-01T00:00:00Z"}
        made(himal, "/marketplace/promotions", winter)


def some_redemptions(himal: Caller, start: int, stop: int) -> None:
    some_listings(himal, start, stop)
    some_adjustments(himal, start, stop)
    for listing in himal.app.listings.order_by("-created_at", "-id")[: stop - start]:
        himal.patch(f"/incentives/marketplace/listings/{listing.pk}", {"coinCost": 1})
        made(himal, "/marketplace/redeem", {"userId": "asha", "listingId": listing.pk})


def some_settlements(himal: Caller, start: int, stop: int) -> None:
    """Himal's users redeem at a partner."""
    opens_a_business(himal)
    partner = partner_of(himal)
    opens_a_business(partner)
    some_adjustments(himal, start, stop)
    listing = made(partner, "/marketplace/listings", {"title": "Tea", "coinCost": 1, "coinRate": 0.01})["id"]
    for _ in range(start, stop):
        made(himal, "/marketplace/redeem", {"userId": "asha", "listingId": listing})


def some_fraud_rules(himal: Caller, start: int, stop: int) -> None:
    """Entries, mutes, versions of the rules, and a backtest of each that has run."""
    for place in range(start, stop):
        for path, body in (
            ("/lists", {"side": "DENY", "kind": "USER", "value": f"mallory {place}"}),
            ("/mutes", {"signal": "DEVICE_SHARED", "userId": f"person {place}"}),
            ("/rule-sets", {"rules": {}}),
        ):
            answer = himal.post(f"/fraud{path}", body)
            assert answer.status == 201, answer
        assert himal.post("/fraud/backtests", {"ruleSetId": answer["id"]}).status == 201
        himal.app.fraud_backtests.update(finished_at=clock.now(himal.app))


def some_suspects(himal: Caller, start: int, stop: int) -> None:
    """People who refer themselves: flags and a case each, and a decision of every one."""
    campaign = next(each["id"] for each in himal.get("/campaigns")["campaigns"])
    for place in range(start, stop):
        user = f"mallory {place}"
        himal.convert(himal.code(campaign, user, refereeId=user), user)
        (case,) = himal.get(f"/fraud/cases?userId={quote(user)}")["cases"]
        decided = himal.post(f"/fraud/cases/{case['id']}/decide", {"verdict": "APPROVE"})
        assert decided.status == 200, decided


Fill = Callable[[Caller, int, int], None]
LISTS: dict[str, tuple[str, Fill]] = {
    "/campaigns": ("/campaigns", some_campaigns),
    "/referrals": ("/referrals", some_conversions),
    "/conversions": ("/conversions", some_conversions),
    "/rewards": ("/rewards", some_conversions),
    "/users/<user_id:user_id>/rewards": ("/users/asha/rewards", some_conversions),
    "/webhooks": ("/webhooks", some_endpoints),
    "/webhooks/<str:webhook_id>/deliveries": ("/webhooks/{endpoint}/deliveries", some_deliveries),
    "/webhooks/<str:webhook_id>/replays": ("/webhooks/{endpoint}/replays", some_deliveries),
    "/webhooks/deliveries": ("/webhooks/deliveries", some_deliveries),
    "/events": ("/events", some_conversions),
    "/incentives/actions": ("/incentives/actions", some_actions),
    "/incentives/events": ("/incentives/events", some_events),
    "/incentives/balances": ("/incentives/balances", some_events),
    "/incentives/balances/<user_id:user_id>/entries": ("/incentives/balances/asha/entries", some_events),
    "/incentives/badges": ("/incentives/badges", some_events),
    "/incentives/badges/user/<user_id:user_id>": ("/incentives/badges/user/asha", some_events),
    "/incentives/milestones": ("/incentives/milestones", some_events),
    "/incentives/milestones/rules": ("/incentives/milestones/rules", some_events),
    "/incentives/levels": ("/incentives/levels", some_levels),
    "/incentives/backfills": ("/incentives/backfills", some_levels),
    "/incentives/adjustments": ("/incentives/adjustments", some_adjustments),
    "/incentives/catalog": ("/incentives/catalog", some_items),
    "/incentives/redemptions": ("/incentives/redemptions", some_items),
    "/incentives/leaderboard": ("/incentives/leaderboard", some_events),
    "/incentives/marketplace/listings": ("/incentives/marketplace/listings", some_listings),
    "/incentives/marketplace/promotions": ("/incentives/marketplace/promotions", some_listings),
    "/incentives/marketplace/public/listings": ("/incentives/marketplace/public/listings", some_listings),
    "/incentives/marketplace/redemptions": ("/incentives/marketplace/redemptions", some_redemptions),
    "/incentives/marketplace/statement": ("/incentives/marketplace/statement", some_settlements),
    "/fraud/flags": ("/fraud/flags", some_suspects),
    "/fraud/cases": ("/fraud/cases", some_suspects),
    "/fraud/decisions": ("/fraud/decisions", some_suspects),
    "/fraud/lists": ("/fraud/lists", some_fraud_rules),
    "/fraud/mutes": ("/fraud/mutes", some_fraud_rules),
    "/fraud/rule-sets": ("/fraud/rule-sets", some_fraud_rules),
    "/fraud/backtests": ("/fraud/backtests", some_fraud_rules),
}
"""Every list: where it is asked, and what fills it. A new list that is not here fails the test."""

MOST = {"/incentives/balances": 5}
"""Lists that explain more than their own rows need more than four statements."""

NO_LIST_VIEW = {"/events", "/incentives/leaderboard"}
"""Lists that are no ``ListView``."""


def test_every_list_is_here():
    assert set(list_routes()) == set(LISTS) - NO_LIST_VIEW


FILLED_BY: dict[Callable, list[str]] = {}
for _route, (_, _fill) in LISTS.items():
    FILLED_BY.setdefault(_fill, []).append(_route)


@pytest.mark.parametrize("fill", FILLED_BY, ids=lambda fill: fill.__name__)
def test_lists_cost_the_same_at_ten_rows_and_at_a_hundred(himal, fill):
    warm(himal)
    endpoint = himal.get("/webhooks")["webhooks"][-1]["id"]
    paths = {route: LISTS[route][0].replace("{endpoint}", endpoint) + "?limit=100" for route in FILLED_BY[fill]}

    def rows(answer) -> list:
        if isinstance(answer.json, list):
            return answer.json
        return next(value for value in answer.json.values() if isinstance(value, list))

    def shown(path: str, least: int):
        """The list, once it shows so many rows: the feed waits for transactions that are open elsewhere in the cluster."""
        for _ in range(1200):
            if len(rows(answer := himal.get(path))) >= least:
                break
            time.sleep(0.05)
        return answer

    fill(himal, 0, 10)
    few = {route: shown(path, 1) for route, path in paths.items()}
    at_ten = {route: statements_of(lambda path=path: himal.get(path)) for route, path in paths.items()}
    fill(himal, 10, 100)
    for route, path in paths.items():
        many = shown(path, 2 * len(rows(few[route])))
        assert few[route].status == many.status == 200, route
        assert len(rows(many)) >= 2 * len(rows(few[route])) > 0, route
        at_hundred = statements_of(lambda path=path: himal.get(path))
        told = "\n".join([route, *at_hundred])
        assert len(at_hundred) <= len(at_ten[route]) + 1, told  # one more where there is more than a page to count
        assert len(at_hundred) <= MOST.get(route, 4), told
        assert len(json.dumps(many.json)) > len(json.dumps(few[route].json)), route


def test_a_persons_figures_cost_the_same_at_any_number_of_codes(himal, cost):
    campaign, _ = warm(himal)
    few = cost.of("GET /users/{userId}/stats", 4, lambda: himal.get("/users/asha/stats"))
    for place in range(30):
        code = himal.code(campaign, "asha", refereeId=f"friend {place}")
        himal.post("/clicks", {"referralCode": code})
    many = cost.of("GET /users/{userId}/stats, 30 codes", 4, lambda: himal.get("/users/asha/stats"))
    assert few == many


def test_dispatching_costs_the_same_for_one_event_and_for_a_hundred(himal):
    _, asha = warm(himal)
    dispatch.dispatch()
    himal.post("/clicks", {"referralCode": asha})
    one = statements_of(dispatch.dispatch)
    for _ in range(100):
        himal.post("/clicks", {"referralCode": asha})
    hundred = statements_of(dispatch.dispatch)
    assert len(hundred) <= len(one) + 5, (len(one), hundred)


# --- the marketplace --------------------------------------------------------------------------------------------------
VERIFY, REDEEM, SIMPLE = 4, 14, 6


def test_verify_with_ten_thousand_listings(himal, cost):
    opens_a_business(himal)
    himal.post("/incentives/adjustments", {"userId": "asha", "coins": 6_000, "reason": "Thanks"})
    now, business = clock.now(himal.app), profiles.of(himal.app)
    many = (
        Listing(
            app=himal.app, business=business, title=f"Coffee {place}", coin_cost=place + 1, currency="USD",
            created_at=now, updated_at=now,
        )
        for place in range(10_000)
    )  # fmt: skip
    Listing.objects.bulk_create(many, batch_size=1_000)

    def verifies(user: str, found: int) -> None:
        assert himal.get(f"/incentives/marketplace/verify/{user}?page=3")["pagination"]["totalItems"] == found

    cost.of("GET /verify/{userId}", VERIFY, lambda: verifies("asha", 6_000))
    cost.of("GET /verify/{userId}, nobody known", VERIFY, lambda: verifies("nobody", 0))
    redeemed = redeems(himal, himal.app.listings.order_by("coin_cost").first().pk)
    for name in ("redemptionId", "discountCode"):
        path = f"/incentives/marketplace/verify/{redeemed[name]}"
        cost.of(f"GET /verify/{{{name}}}", VERIFY, lambda path=path: himal.get(path))


def redeems(himal: Caller, listing: str, user: str = "asha", **headers):
    answer = himal.post("/incentives/marketplace/redeem", {"listingId": listing, "userId": user}, **headers)
    assert answer.status == 201, answer
    return answer


def test_redeeming(himal, cost):
    opens_a_business(himal)
    himal.post("/incentives/adjustments", {"userId": "asha", "coins": 1_000, "tokens": 1_000, "reason": "Thanks"})

    def sells(**fields) -> str:
        return made(himal, "/marketplace/listings", {"title": "Coffee", "coinCost": 1, "coinRate": 0.01} | fields)["id"]

    plain, limited = sells(), sells(inventory=9)
    redeems(himal, plain)
    cost.of("POST /redeem", SIMPLE, lambda: redeems(himal, plain))
    cost.of("POST /redeem, of a stock", SIMPLE, lambda: redeems(himal, limited))
    everything = sells(inventory=9, maxPerUser=5, tokenCost=1, codes=[f"C-{place}" for place in range(9)])
    cost.of("POST /redeem, stock, limit, pool, coins, tokens", REDEEM, lambda: redeems(himal, everything))
    later = clock.now(himal.app) + timedelta(days=9)
    for asset in ("COIN", "TOKEN"):
        ledger.earn(himal.app, "asha", asset, 5, cause="test", cause_type="test", expires_at=later)
    key = {"idempotency_key": f"key {next(number)}"}
    cost.of("POST /redeem, all that and lots, with a key", REDEEM, lambda: redeems(himal, everything, **key))
    once = redeems(himal, everything)["redemptionId"]
    path = f"/incentives/marketplace/redemptions/{once}"
    cost.of("PATCH /redemptions/{id}, cancelled", REDEEM, lambda: himal.patch(path, {"status": "CANCELLED"}))
    path = f"/incentives/marketplace/redemptions/{redeems(himal, plain)['redemptionId']}"
    cost.of("PATCH /redemptions/{id}, fulfilled", SIMPLE, lambda: himal.patch(path, {"status": "FULFILLED"}))
