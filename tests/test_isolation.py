"""Tenants share nothing: every address, called with one tenant's key or session and another one's names.

What is another's answers exactly as what does not exist, lists never show it, and nothing moves. Live and sandbox are
two tenants here. An address that the walk does not know how to fill fails, so that nobody forgets it.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from incenta import clock
from incenta.accounts.models import User
from incenta.api.lists import ListView
from tests.cast import Answer, Caller, caller
from tests.everything import Names, names_of_nothing, one_of_everything

pytestmark = pytest.mark.django_db

# --- how to fill an address ------------------------------------------------------------------------------------------
Body = Callable[[Names], object]
NAMES_NOTHING = None
"""Instead of a body: the call names nothing of anybody's, and makes something of the caller's own."""

BODIES: dict[str, Body | None] = {
    "POST campaigns": NAMES_NOTHING,
    "PATCH campaigns/<str:campaign_id>": lambda names: {"name": "Taken over", "rewardValue": 99},
    "POST campaigns/<str:campaign_id>/simulate": lambda names: {"rules": {"rewardValue": 99}},
    "POST referrals": lambda names: {"campaignId": names["campaign_id"], "referrerId": names["user_id"]},
    "POST clicks": lambda names: {"referralCode": names["code"], "refereeId": names["referee_id"]},
    "POST conversions": lambda names: {"referralCode": names["code"], "refereeId": "mallory", "amount": 10},
    "POST conversions/<str:conversion_id>/reverse": lambda names: {"reason": "Returned"},
    "POST rewards/redeem": lambda names: {"code": names["discount_code"]},
    "POST rewards/approve": lambda names: {"ids": [names["reward_id"], names["claimed_reward_id"]]},
    "POST rewards/cancel": lambda names: {
        "ids": [names["reward_id"], names["claimed_reward_id"]],
        "reason": "Mine now",
    },
    "POST rewards/pay": lambda names: {"ids": [names["reward_id"], names["claimed_reward_id"]]},
    "POST rewards/<str:reward_id>/claim": lambda names: {},
    "POST rewards/<str:reward_id>/approve": lambda names: {},
    "POST rewards/<str:reward_id>/cancel": lambda names: {"reason": "Mine now"},
    "POST rewards/<str:reward_id>/pay": lambda names: {},
    "POST rewards/<str:reward_id>/hold": lambda names: {},
    "POST rewards/<str:reward_id>/release": lambda names: {},
    "POST incentives/actions": NAMES_NOTHING,
    "PATCH incentives/actions/<str:key>": lambda names: {"xp": 1_000},
    "POST incentives/events": lambda names: {"userId": names["user_id"], "actionKey": names["action_key"]},
    "POST incentives/events/bulk": lambda names: {
        "events": [{"userId": names["user_id"], "actionKey": names["action_key"]}]
    },
    "POST incentives/adjustments": NAMES_NOTHING,
    "PATCH incentives/settings": NAMES_NOTHING,
    "PATCH incentives/users/<user_id:user_id>": lambda names: {"visible": False},
    "POST incentives/leaderboard": NAMES_NOTHING,
    "POST incentives/leaderboard/refresh": NAMES_NOTHING,
    "POST incentives/levels": NAMES_NOTHING,
    "PATCH incentives/levels/<int:level>": lambda names: {"name": "Taken over"},
    "POST incentives/badges": NAMES_NOTHING,
    "PATCH incentives/badges/<str:key>": lambda names: {"name": "Taken over"},
    "POST incentives/badges/<str:key>/award": lambda names: {"userId": names["user_id"]},
    "POST incentives/milestones/rules": NAMES_NOTHING,
    "PATCH incentives/milestones/rules/<str:key>": lambda names: {"coins": 1_000},
    "POST incentives/catalog": NAMES_NOTHING,
    "PATCH incentives/catalog/<str:item_id>": lambda names: {"coinCost": 1},
    "POST incentives/redeem": lambda names: {"userId": names["user_id"], "itemId": names["item_id"]},
    "PATCH incentives/redemptions/<str:redemption_id>": lambda names: {"status": "CANCELLED"},
    "POST incentives/marketplace/profile": NAMES_NOTHING,
    "PATCH incentives/marketplace/profile": NAMES_NOTHING,
    "PATCH incentives/marketplace/settings": NAMES_NOTHING,
    "POST incentives/marketplace/listings": NAMES_NOTHING,
    "PATCH incentives/marketplace/listings/<str:listing_id>": lambda names: {"coinCost": 1},
    "POST incentives/marketplace/listings/<str:listing_id>/codes": lambda names: {"codes": ["MINE-1"]},
    "POST incentives/marketplace/promotions": lambda names: {
        "listingId": names["listing_id"],
        "percentOff": 99,
        "endsAt": "2099-01-01T00:00:00Z",
    },
    # listings are there for others to redeem: tests/marketplace/test_visibility.py says who may
    "POST incentives/marketplace/redeem": NAMES_NOTHING,
    "PATCH incentives/marketplace/redemptions/<str:redemption_id>": lambda names: {"status": "CANCELLED"},
    "POST incentives/marketplace/fulfill": lambda names: {"code": names["marketplace_code"]},
    "POST referrals/<str:code>/flag": lambda names: {"reason": "Mine now"},
    "POST fraud/flags/<str:flag_id>/resolve": lambda names: {"decision": "APPROVE"},
    "POST fraud/cases/decide": lambda names: {"verdict": "APPROVE", "ids": [names["case_id"]]},
    "POST fraud/cases/<str:case_id>/decide": lambda names: {"verdict": "APPROVE"},
    "POST fraud/cases/<str:case_id>/notes": lambda names: {"note": "Mine now"},
    "POST fraud/decisions/<str:decision_id>/undo": lambda names: {},
    "POST fraud/lists": NAMES_NOTHING,
    "POST fraud/mutes": NAMES_NOTHING,
    "POST fraud/rule-sets": lambda names: {"rules": {}, "campaignId": names["campaign_id"]},
    "POST fraud/rule-sets/rollback": NAMES_NOTHING,
    "POST fraud/rule-sets/<str:rule_set_id>/shadow": lambda names: {},
    "POST fraud/rule-sets/<str:rule_set_id>/activate": lambda names: {},
    "POST fraud/rule-sets/<str:rule_set_id>/retire": lambda names: {},
    "POST fraud/backtests": lambda names: {"ruleSetId": names["rule_set_id"]},
    "PATCH fraud/settings": NAMES_NOTHING,
    "POST test-clock": NAMES_NOTHING,
    "POST test-clock/advance": NAMES_NOTHING,
    "POST webhooks": NAMES_NOTHING,
    "PATCH webhooks/<str:webhook_id>": lambda names: {"url": "https://mallory.example/hooks"},
    "POST webhooks/deliveries/<str:delivery_id>/replay": lambda names: {},
    "POST webhooks/<str:webhook_id>/rotate-secret": lambda names: {},
    "POST webhooks/<str:webhook_id>/promote-secret": lambda names: {},
    "POST webhooks/<str:webhook_id>/test": lambda names: {"event": "REWARD_CREATED"},
    "POST webhooks/<str:webhook_id>/replay": lambda names: {"since": "2020-01-01T00:00:00Z", "status": "DELIVERED"},
    "POST webhooks/<str:webhook_id>/recover": lambda names: {"since": "2020-01-01T00:00:00Z"},
    "POST webhooks/<str:webhook_id>/replay-missing": lambda names: {
        "since": clock.iso(datetime.now(UTC) - timedelta(days=1))
    },
    "POST webhooks/<str:webhook_id>/asymmetric-key": lambda names: {},
    "POST webhooks/<str:webhook_id>/check-signature": lambda names: {"body": "{}", "headers": {}},
    "POST webhooks/replays/<str:replay_id>/cancel": lambda names: {},
}
"""Method and route -> a body that would work for the owner."""

MORE_BODIES: list[tuple[str, Body]] = [
    ("POST rewards/redeem", lambda names: {"rewardId": names["claimed_reward_id"], "userId": names["user_id"]}),
    (
        "POST referrals",
        lambda names: {"campaignId": names["campaign_id"], "referrerId": "mallory", "code": "FREEMONEY"},
    ),
    ("POST conversions/<str:conversion_id>/reverse", lambda names: {"reason": "A look", "preview": True}),
    ("PATCH incentives/marketplace/redemptions/<str:redemption_id>", lambda names: {"status": "FULFILLED"}),
    (
        "POST incentives/marketplace/listings/<str:listing_id>/codes",
        lambda names: {"csv": "MINE-2", "preview": True},
    ),
]

QUERIES: dict[str, list[str]] = {
    "stats": ["", "campaignId={campaign_id}"],
    "rewards/validate": ["code={discount_code}"],
    "events": ["", "after={event_id}"],
    "incentives/leaderboard": [""],
}
"""Route of a GET that is no ListView -> the queries to ask it."""

FILTERS: dict[str, str | None] = {
    "campaignId": "campaign_id",
    "userId": "user_id",
    "referrerId": "user_id",
    "refereeId": "referee_id",
    "referralCode": "code",
    "externalId": "external_id",
    "actionKey": "action_key",
    "itemId": "item_id",
    "key": "milestone_key",
    "listingId": "listing_id",
    "businessId": "business_id",
    "webhookId": "webhook_id",
    "messageId": "event_id",
    "replayId": "replay_id",
    "httpStatus": None,
    "code": "marketplace_code",
    "search": "user_id",
    "ruleSetId": "rule_set_id",
    "caseId": "case_id",
    "subject": "suspect_id",
    "value": "user_id",
    # of these, whatever is asked names nothing of anybody's
    **dict.fromkeys(("status", "trigger", "event", "fulfillmentType", "referralType", "onHold", "since", "until")),
    **dict.fromkeys(("type", "active", "notAwarded", "published", "noun", "state", "category")),
    **dict.fromkeys(("side", "kind", "signal", "minScore", "maxScore", "isSample", "outcome", "verdict")),
    **dict.fromkeys(("from", "to", "createdAfter", "createdBefore")),
}
"""Every filter of every list -> which name is asked for."""

OTHERWISE_NAMED = {
    "marketplace/redemptions/": {"redemption_id": "marketplace_redemption_id"},
    "incentives/actions/<str:key>": {"key": "action_key"},
    "incentives/badges/<str:key>": {"key": "badge_key"},
    "incentives/milestones/<str:key>": {"key": "milestone_key"},
    "incentives/milestones/rules/<str:key>": {"key": "milestone_key"},
}
"""Part of a route -> what its parameters are called in ``tests/everything.py``, where the route calls them otherwise."""

WORDS = {"noun": "level", "state": "full", "call": "v1/incentives/leaderboard"}
"""Parameters that name nothing of anybody's -> a word that stands there."""

OF_NOBODY = {"openapi.json", "webhooks/event-types"}
"""Routes below /v1 that hold nothing of a tenant's."""


@dataclass(frozen=True)
class Route:
    route: str
    pattern: URLPattern
    parameters: tuple[str, ...]

    @property
    def called(self) -> dict[str, str]:
        """The route's parameters -> what ``tests/everything.py`` calls them."""
        others = next((names for part, names in OTHERWISE_NAMED.items() if part in self.route), {})
        return {name: others.get(name, name) for name in self.parameters}

    @property
    def unknown(self) -> set[str]:
        """Parameters that the walk cannot fill."""
        return set(self.called.values()) - set(names_of_nothing()) - set(WORDS)

    @property
    def named(self) -> set[str]:
        """What of a tenant the path names, beyond the app and the client's own word for a person."""
        return set(self.called.values()) - {"app_id", "user_id"} - set(WORDS)

    def path(self, names: Names) -> str:
        """The route with its parameters filled; raises ``KeyError`` for one that is not known."""
        values = WORDS | names
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[self.called[found[1]]], self.route)

    @property
    def view(self):
        return getattr(self.pattern.callback, "cls", None) or getattr(self.pattern.callback, "view_class", None)


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[Route]:
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, route)
        else:
            yield Route(route, entry, tuple(re.findall(r"<(?:\w+:)?(\w+)>", route)))


def api_calls() -> Iterator[tuple[str, str, Route]]:
    """("POST rewards/redeem", "POST", route) of every method of every route below /v1."""
    for route in routes():
        if route.route.startswith("v1/"):
            for method in route.view().allowed_methods:
                if method not in ("HEAD", "OPTIONS"):
                    yield f"{method} {route.route.removeprefix('v1/')}", method, route


# --- what must not move ----------------------------------------------------------------------------------------------
OURS_TO_WRITE = {"api_allotment", "api_requestlog", "api_idempotencyrecord", "django_session", "fraud_casepresence"}
"""What every call may write: how often, when, and the answer kept for its key; and every look at a case: who has it open."""


def checksums(app_ids: tuple[str, ...] = ()) -> dict[str, tuple[int, str]]:
    """Each table's number of rows and a hash of them all; of these apps only, where some are named."""
    selects = []
    for model in apps.get_models():
        table = model._meta.db_table
        columns = {field.column for field in model._meta.local_fields}
        if table in OURS_TO_WRITE or (app_ids and "app_id" not in columns):
            continue
        where = "WHERE app_id = ANY(%(apps)s)" if app_ids else ""
        rows = f'(SELECT md5(t::text) AS line FROM "{table}" t {where}) AS {table}_rows'
        selects.append(f"SELECT '{table}', count(*), md5(coalesce(string_agg(line, '' ORDER BY line), '')) FROM {rows}")
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects), {"apps": list(app_ids)})
        return {table: (count, digest) for table, count, digest in cursor.fetchall()}


def moved(before: dict, after: dict) -> list[str]:
    return [f"{table}: {before[table]} → {after[table]}" for table in before if before[table] != after[table]]


# --- what must look the same -----------------------------------------------------------------------------------------
def face(answer: Answer, names: Names) -> tuple:
    """An answer with the names that were asked for taken out, and what differs from call to call."""
    body = json.dumps(answer.json)
    for name, value in sorted(names.items(), key=lambda item: -len(item[1])):
        body = body.replace(value, f"<{name}>")
    body = re.sub(r'"requestId": "req_\w+"', '"requestId": "…"', body)
    volatile = {"X-Request-Id", "Content-Length", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"}
    return answer.status, body, {name: value for name, value in answer.headers.items() if name not in volatile}


TENANTS = {
    "rival against himal": ("rival", "himal"),
    "sandbox against live": ("sandbox", "himal"),
    "live against sandbox": ("himal", "sandbox"),
}


@pytest.fixture(params=TENANTS, ids=lambda name: name.replace(" ", "-"))
def neighbours(request, himal, rival) -> tuple[Caller, Caller, Names, Names]:
    """(intruder, owner, the owner's names, names of nothing). Both hold one of everything."""
    cast = {"himal": himal, "rival": rival, "sandbox": caller(himal.app.sandbox)}
    intruder, owner = (cast[who] for who in TENANTS[request.param])
    one_of_everything(intruder, "intruder")
    return intruder, owner, one_of_everything(owner, "himal"), names_of_nothing()


def test_the_walk_knows_every_call():
    unknown = []
    for label, method, route in api_calls():
        if route.unknown:
            unknown.append(f"{label}: what is {route.unknown}? Add it to tests/everything.py, or to OTHERWISE_NAMED.")
        if method in ("POST", "PUT", "PATCH") and label not in BODIES:
            unknown.append(f"{label}: add a body to BODIES.")
        if method == "GET" and issubclass(route.view, ListView) and route.view.filterset_class:
            strange = set(route.view.filterset_class.base_filters) - set(FILTERS)
            unknown += [f"{label}: filter {name}: add it to FILTERS." for name in strange]
        elif method == "GET" and not route.parameters and not issubclass(route.view, ListView):
            path = label.removeprefix("GET ")
            if path not in QUERIES and path not in OF_NOBODY and path not in KEYED_BY_THE_APP:
                unknown.append(f"{label}: add it to QUERIES, or say why not.")
    gone = set(BODIES) - {label for label, _, _ in api_calls()}
    assert not unknown, "\n".join(unknown)
    assert not gone, f"No longer there: {gone}"


KEYED_BY_THE_APP = {
    "incentives/ledger/verify",
    "incentives/settings",
    "incentives/marketplace/profile",
    "incentives/marketplace/settings",
    "fraud/settings",
    "fraud/signals",
    "test-clock",
}
"""GETs without any parameter: what they answer is asked in the test of markers."""


def test_what_is_anothers_is_as_what_does_not_exist(neighbours):
    intruder, owner, theirs, nothing = neighbours
    bodies = [*BODIES.items(), *MORE_BODIES]
    wrong, asked = [], 0
    owners_before = checksums((owner.app.pk,))
    everything_before = checksums()
    # last those that make a person of the caller's own, who is then no longer nobody to the others
    for label, method, route in sorted(api_calls(), key=lambda call: call[0] in MAY_MOVE):
        if method in ("POST", "PUT", "PATCH"):
            sent = [body for key, body in bodies if key == label and body is not NAMES_NOTHING]
        else:
            sent = [None]
        path = route.route.removeprefix("v1")
        queries = QUERIES.get(path.lstrip("/"), [""])
        for body in sent:
            if not route.parameters and body is None and queries == [""]:
                continue  # names nothing: the lists' own test asks these
            for query in queries:
                faces = []
                for names in (theirs, nothing):
                    address = route.path(names).removeprefix("/v1")
                    address += "?" + query.format(**names) if query else ""
                    answer = intruder(method, address, body and body(names))
                    faces.append(face(answer, names))
                    asked += 1
                if faces[0] != faces[1]:
                    wrong.append(f"{label} tells another's from nothing:\n    {faces[0]}\n    {faces[1]}")
                status = faces[0][0]
                expected = {404} | ({400} if query else set())
                if label in ANSWERS or (not route.named and route.parameters):  # a person is the client's own word
                    expected.add(200)
                if status not in expected:
                    wrong.append(f"{label} answers {status} to another's: {faces[0][1]}")
                changes = moved(everything_before, after := checksums())
                everything_before = after
                if changes := [line for line in changes if line.split(":")[0] not in MAY_MOVE.get(label, ())]:
                    wrong.append(f"{label} moved something: {changes}")
    assert not wrong, "\n".join(wrong)
    assert asked > 60, "the walk walked nowhere"
    assert checksums((owner.app.pk,)) == owners_before


MAY_MOVE = {"PATCH incentives/users/<user_id:user_id>": {"incentives_standing", "incentives_wallet"}}
"""What a call may write although it names another's: the rows of a person of the caller's own, who bears the name."""

ANSWERS = {
    "POST incentives/events/bulk": "each event stands alone, with its own error",
    "POST fraud/cases/decide": "each case stands alone, with its own refusal",
    "GET stats": "of the whole app: the intruder's own",
    "GET events": "the intruder's own",
    "GET rewards/validate": "an unknown code is an answer",
    "POST rewards/approve": "each id stands alone, with its own error",
    "POST rewards/cancel": "each id stands alone, with its own error",
    "POST rewards/pay": "each id stands alone, with its own error",
}
"""Calls that answer 200 where another's is named, and why."""


def test_the_same_calls_work_for_the_owner(himal, rival):
    """The other half of the proof: what is refused above is refused for whose it is, not for how it is asked."""
    one_of_everything(rival, "rival")
    wrong, names = [], one_of_everything(himal, "himal")
    for label, method, route in api_calls():
        sent = [body for key, body in [*BODIES.items(), *MORE_BODIES] if key == label and body is not NAMES_NOTHING]
        if not route.parameters and not sent:
            continue
        address = route.path(names).removeprefix("/v1")
        address += "?" + QUERIES[label][-1].format(**names) if label in QUERIES else ""
        with transaction.atomic():
            for body in sent or [None]:
                answer = himal(method, address, body and body(names))
                if answer.status not in {200, 201, 202, 204, 409}:  # 409: found, and in another state
                    wrong.append(f"{label}: {answer.status} {answer.json}")
            transaction.set_rollback(True)  # the next call finds everything as this one did
    assert not wrong, "\n".join(wrong)


def test_nothing_of_anothers_is_ever_shown(neighbours):
    """The owner's word stands in each of its names, and in no answer to the intruder."""
    intruder, _, theirs, _ = neighbours
    marks = {value for name, value in theirs.items() if len(value) > 5} | {"himal-"}
    wrong, lists = [], 0
    for _, method, route in api_calls():
        if method != "GET" or route.parameters:
            continue
        path = route.route.removeprefix("v1")
        asked = [path, *(f"{path}?cursor=&limit=100" for _ in [0] if issubclass(route.view, ListView))]
        filters = {}
        if issubclass(route.view, ListView):
            lists += 1
            filters = route.view.filterset_class.base_filters if route.view.filterset_class else {}
            asked += [f"{path}?{name}={theirs[FILTERS[name]]}" for name in filters if FILTERS[name]]
        for address in asked:
            answer = intruder.get(address)
            if answer.status != 200:
                if not (answer.status == 400 and path == "/rewards/validate"):
                    wrong.append(f"GET {address}: {answer.status} {answer.json}")
                continue
            shown = json.dumps(answer.json)
            for mark in marks:
                if mark in shown:
                    wrong.append(f"GET {address} shows {mark}")
            narrowed = "?" in address and "cursor" not in address
            if narrowed and answer[route.view.plural]:
                wrong.append(f"GET {address} finds {len(answer[route.view.plural])} rows")
            if not narrowed and issubclass(route.view, ListView) and not answer[route.view.plural]:
                wrong.append(f"GET {address} is empty: this proves nothing")
    assert not wrong, "\n".join(wrong)
    assert lists >= 5


def test_two_tenants_may_use_the_same_words(himal, rival):
    """The same person, code, order and idempotency key in three apps: three things that know nothing of each other."""
    sandbox = caller(himal.app.sandbox)
    seen: list[tuple] = []
    for who in (himal, rival, sandbox):
        campaign = who.campaign()
        code = who.post(
            "/referrals", {"campaignId": campaign, "referrerId": "asha", "code": "ASHA10"}, idempotency_key="1"
        )
        assert code.status == 201 and code["referralCode"] == "ASHA10"
        body = {"referralCode": "asha10", "refereeId": "bikram", "amount": 30, "externalId": "order-1"}
        made = who.post("/conversions", body, idempotency_key="2")
        assert made.status == 201 and "Idempotency-Replayed" not in made.headers
        assert who.get("/stats")["totalConversions"] == 1
        assert who.get("/users/asha/stats")["rewardsEarned"]["total"] == 3
        seen.append((code["referralId"], code["referralUrl"], made["conversionId"], made["rewardId"]))
    assert all(len(set(ids)) == 3 for ids in zip(*seen, strict=True)), seen


# --- pages -----------------------------------------------------------------------------------------------------------
def page_routes() -> list[Route]:
    return [route for route in routes() if route.route.startswith("dashboard/")]


OF_A_PERSON = {"dashboard/", "dashboard/start/", "dashboard/preferences/"}
"""Pages that name nothing: they show what the signed-in person has."""


PAGE_QUERIES = {
    "<app:app_id>/people/": "?id={user_id}",
    "incentives/users/one/": "?id={user_id}",
    "incentives/users/visibility/": "?id={user_id}&visible=no",
    "incentives/leaderboard/visibility/": "?id={user_id}&visible=no",
}
"""End of a page's route -> the query that names what it shows."""


def page_address(route: Route, names: Names) -> str:
    query = next((query for end, query in PAGE_QUERIES.items() if route.route.endswith(end)), "")
    return route.path(names) + query.format(**names)


def owner_of(who: Caller) -> Client:
    client = Client()
    client.force_login(User.objects.get(memberships__merchant=who.app.merchant))
    return client


def page(response, names: Names) -> tuple:
    text = response.content.decode()
    for name, value in sorted(names.items(), key=lambda item: -len(item[1])):
        text = text.replace(value, f"<{name}>")
    text = re.sub(r"[A-Za-z0-9]{64}", "<csrf>", text)
    return response.status_code, text


def test_pages_of_another_are_not_there(transactional_db, himal, rival):
    theirs, own, nothing = one_of_everything(himal, "himal"), one_of_everything(rival, "rival"), names_of_nothing()
    intruder, owner = owner_of(rival), owner_of(himal)
    before = checksums((himal.app.pk, himal.app.sandbox.pk, rival.app.pk, rival.app.sandbox.pk))
    wrong, buttons, walked = [], [], 0
    for route in page_routes():
        if route.route in OF_A_PERSON:
            continue
        assert "app_id" in route.parameters, (
            f"{route.route}: whose is it? Add it to OF_A_PERSON, or put the app into it."
        )
        assert not route.unknown, f"{route.route}: add {route.unknown} to tests/everything.py."
        for method in ("get", "post"):
            # another's app with all that is in it, and another's things in one's own app
            for names, absent in (
                (theirs, nothing),
                (theirs | {"app_id": own["app_id"]}, nothing | {"app_id": own["app_id"]}),
            ):
                if page_address(route, names) == page_address(route, own):
                    continue  # names nothing beyond the app
                if route.named == {"business_id"} and names["app_id"] == own["app_id"]:
                    continue  # a business is known to everybody, and each app blocks whom it likes
                found = page(getattr(intruder, method)(page_address(route, names)), names)
                missing = page(getattr(intruder, method)(page_address(route, absent)), absent)
                walked += 1
                a_person = page_address(route, names) != route.path(names)  # whom every app may have
                if found != missing or not (found[0] in (404, 405) or (a_person and names["app_id"] == own["app_id"])):
                    wrong.append(f"{method} {route.route}: {found[0]} for another's, {missing[0]} for nothing")
                if "himal-" in found[1]:
                    wrong.append(f"{method} {route.route} shows the other's words")
        opened = owner.get(page_address(route, theirs))
        if opened.status_code == 405:
            buttons.append(page_address(route, theirs))
        elif opened.status_code not in (200, 302):
            wrong.append(f"{route.route}: its owner gets {opened.status_code}")
    assert not wrong, "\n".join(wrong)
    assert walked >= 20
    everybody = (himal.app.pk, himal.app.sandbox.pk, rival.app.pk, rival.app.sandbox.pk)
    assert moved(before, checksums(everybody)) == []
    rivals = checksums((rival.app.pk, rival.app.sandbox.pk))
    for address in buttons:  # at last, for they decide and delete
        if (status := owner.post(address).status_code) not in (200, 302, 422):
            wrong.append(f"{address}: its owner gets {status}")
    assert not wrong, "\n".join(wrong)
    assert moved(rivals, checksums((rival.app.pk, rival.app.sandbox.pk))) == []


def test_lists_of_pages_show_ones_own(transactional_db, himal, rival):
    one_of_everything(himal, "himal")
    own = one_of_everything(rival, "rival")
    intruder = owner_of(rival)
    for route in page_routes():
        if not route.named:
            shown = intruder.get(page_address(route, own), follow=True).content.decode()
            assert "himal-" not in shown and himal.app.pk not in shown, route.route


def test_whoever_is_not_signed_in_sees_no_page(transactional_db, himal):
    names = one_of_everything(himal, "himal")
    stranger = Client()
    before = checksums()
    for route in page_routes():
        for method in ("get", "post"):
            response = getattr(stranger, method)(page_address(route, names))
            assert response.status_code in (302, 405) and "himal-" not in response.content.decode(), route.route
            if response.status_code == 302:
                assert response.headers["Location"].startswith("/accounts/login/"), route.route
    assert not moved(before, checksums())


def test_merchants_are_no_staff(transactional_db, himal):
    one_of_everything(himal, "himal")
    owner = owner_of(himal)
    pages = ["/staff/"] + [
        f"/staff/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry
    ]
    for address in pages:
        response = owner.get(address)
        assert response.status_code == 302 and "/login/" in response.headers["Location"], address


def test_short_links_belong_to_the_app_of_their_code(transactional_db, himal, rival):
    theirs, own = one_of_everything(himal, "himal"), one_of_everything(rival, "rival")
    before = checksums((rival.app.pk,))
    clicks = himal.get(f"/stats?campaignId={theirs['campaign_id']}")["totalClicks"]
    assert owner_of(rival).get(f"/r/{theirs['slug']}").status_code in (200, 302)
    assert himal.get(f"/stats?campaignId={theirs['campaign_id']}")["totalClicks"] == clicks + 1
    assert checksums((rival.app.pk,)) == before and own["slug"] != theirs["slug"]
    assert Client().get("/r/ZQZQZQZQ").status_code == 404


WALKED = ("v1/", "api/v1/", "dashboard/", "r/", "staff/")
OF_NO_TENANT = (
    "healthz",
    "readyz",
    "metrics",
    "accounts/",
    "theme/",
    "docs",
    "market",
    "hooks/test/",
    "widgets.js",
    "llms.txt",
)
"""Beginnings of addresses that show nothing of a tenant's: health, the figures of the whole, what allauth shows a person of
themselves, and the market, where businesses show themselves to everybody; the test receiver takes what whoever knows its token
posts, and shows nothing."""


def test_every_address_is_walked():
    strange = [route.route for route in routes() if route.route and not route.route.startswith(WALKED + OF_NO_TENANT)]
    assert not strange, f"Whose are these? Walk them here: {strange}"
