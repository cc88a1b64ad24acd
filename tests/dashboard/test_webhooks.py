"""The pages of webhooks: who may open them, how an endpoint is added, changed and told about, what was sent and why it failed."""

import csv
import io
import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incenta.accounts.models import Role
from tests.cast import Caller
from tests.dashboard.conftest import body, sign_in
from webhooks import signing
from webhooks.dashboard import words
from webhooks.dashboard.deliveries import Deliveries
from webhooks.models import EndpointHealth, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage
from webhooks.pace import health_of

pytestmark = pytest.mark.django_db

OWNER, ADMIN, ANALYST, DEVELOPER = Role.OWNER, Role.ADMIN, Role.ANALYST, Role.DEVELOPER
MANAGERS = {OWNER, ADMIN, DEVELOPER}
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")
NEW = {"url": "https://himal.example/hooks", "description": "The shop", "everything": "on"}
NOTHING = "0" * 26

PAGES = {
    "webhooks/": MANAGERS,
    "webhooks/?export=csv": {OWNER, ADMIN},
    "webhooks/new/": MANAGERS,
    "webhooks/{webhook}/": MANAGERS,
    "webhooks/{webhook}/?export=csv": {OWNER, ADMIN},
    "webhooks/{webhook}/test/": MANAGERS,
    "webhooks/{webhook}/replays/": MANAGERS,
    "webhooks/{webhook}/settings/": MANAGERS,
    "webhooks/{webhook}/rotate/": MANAGERS,
    "webhooks/{webhook}/check/": MANAGERS,
    "webhooks/deliveries/{delivery}/": MANAGERS,
}
BUTTONS = {
    "webhooks/new/": (201, NEW),
    "webhooks/{webhook}/test/": (302, {"event": "REWARD_CREATED"}),
    "webhooks/{webhook}/replays/": (302, {"kind": "recover", "age": "24"}),
    "webhooks/{webhook}/settings/": (302, NEW | {"url": "https://himal.example/other"}),
    "webhooks/{webhook}/rotate/": (201, {"overlap": "24"}),
    "webhooks/{webhook}/promote/": (302, {}),
    "webhooks/{webhook}/key/": (302, {}),
    "webhooks/{webhook}/key/drop/": (302, {}),
    "webhooks/{webhook}/pause/": (302, {}),
    "webhooks/{webhook}/resume/": (302, {}),
    "webhooks/{webhook}/delete/": (302, {}),
    "webhooks/{webhook}/check/": (200, {"body": "", "headers": ""}),
    "webhooks/deliveries/{delivery}/resend/": (302, {}),
}


def endpoint_of(shop: Caller, url: str = "https://himal.example/hooks", **fields) -> WebhookEndpoint:
    endpoint, _ = WebhookEndpoint.objects.register(shop.app, url=url, events=["*"], description="The shop")
    if fields:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**fields)
        endpoint.refresh_from_db()
    return endpoint


def deliveries_of(endpoint: WebhookEndpoint, count: int = 1, *, answers: int | None = 200, **fields) -> list[str]:
    """Deliveries that were tried once and answered so; ids, the oldest first."""
    made = []
    for n in range(count):
        delivery = WebhookDelivery.objects.send_test(endpoint, "REWARD_CREATED")
        is_good = answers is not None and answers < 300
        told = {
            "trigger": "auto", "state": "delivered" if is_good else "failed", "sends": 1, "last_status": answers,
            "last_error": None if is_good else "status" if answers else "timeout",
            "created_at": timezone.now() - timedelta(seconds=count - n),
        } | fields  # fmt: skip
        WebhookDelivery.objects.filter(pk=delivery.pk).update(**told)
        WebhookAttempt.objects.create(
            app_id=endpoint.app_id, delivery=delivery, n=1, started_at=timezone.now(), ended_at=timezone.now(),
            url=endpoint.url, status=answers, error=told["last_error"], ms=1234, response_body="<b>so be it</b>",
            request_headers={"webhook-id": delivery.message_id, "webhook-timestamp": "1795422116", "webhook-signature": "v1,abc"},
            response_headers={"server": "himal"},
        )  # fmt: skip
        made.append(delivery.pk)
    return made


def filled(path: str, shop: Caller) -> str:
    endpoint = WebhookEndpoint.objects.filter(app=shop.app).first() or endpoint_of(shop)
    delivery = (
        WebhookDelivery.objects.filter(endpoint=endpoint).order_by("created_at").values_list("pk", flat=True).first()
    )
    return (
        f"/dashboard/{shop.app.pk}/{path.format(webhook=endpoint.pk, delivery=delivery or deliveries_of(endpoint)[0])}"
    )


def state(shop: Caller) -> tuple:
    """What a refused action must leave alone."""
    return (
        list(WebhookEndpoint.with_deleted.filter(app=shop.app).order_by("pk").values_list("pk", "url", "is_active", "deleted_at")),
        list(WebhookDelivery.objects.filter(app=shop.app).order_by("pk").values_list("pk", "state", "next_at")),
        list(shop.app.webhook_replays.values_list("pk", "state")),
        WebhookEndpoint.objects.filter(app=shop.app, secrets__isnull=False).count(),
    )  # fmt: skip


@pytest.mark.parametrize("role", sorted({OWNER, ADMIN, ANALYST, DEVELOPER}))
def test_who_may_open_and_press_what(himal, role):
    browser = sign_in(himal.app.merchant, role)
    for path, roles in PAGES.items():
        assert browser.get(filled(path, himal)).status_code == (200 if role in roles else 403), path
    for path, (status, sent) in BUTTONS.items():
        where, before = filled(path, himal), state(himal)
        assert browser.post(where, sent).status_code == (status if role in MANAGERS else 403), path
        if role not in MANAGERS:
            assert state(himal) == before, path


def test_anothers_pages_and_buttons_are_not_there(himal, rival):
    browser = sign_in(rival.app.merchant)
    for path in [*PAGES, *BUTTONS]:
        where = filled(path, himal)
        before = state(himal)
        sent = BUTTONS.get(path, (0, {}))[1]
        assert browser.get(where).status_code == browser.post(where, sent).status_code == 404, path
        if "{" in path:
            where = where.replace(himal.app.pk, rival.app.pk)
            assert browser.post(where, sent).status_code in (404, 405), path
            assert browser.get(where).status_code in (404, 405), path
        assert state(himal) == before, path


def test_a_new_endpoint_shows_its_secret_once(himal, owner, url):
    form = owner.get(url("webhooks/new/")).content.decode()
    once = re.search(r'name="once" value="([^"]+)"', form).group(1)
    answer = owner.post(url("webhooks/new/"), NEW | {"once": once})
    assert answer.status_code == 201 and "no-store" in answer["Cache-Control"]
    secret = SECRET.search(unescape(body(answer))).group()
    endpoint = WebhookEndpoint.objects.get(app=himal.app)
    assert (endpoint.url, endpoint.events, endpoint.created_by) == (NEW["url"], ["*"], f"user:{owner.user.pk}")
    for path in ("webhooks/", f"webhooks/{endpoint.pk}/", f"webhooks/{endpoint.pk}/settings/", "webhooks/?export=csv"):
        assert secret not in unescape(body(owner.get(url(path)))), path
    assert secret not in str(dict(owner.session))

    again = owner.post(url("webhooks/new/"), NEW | {"once": once}, follow=True)
    assert "added already" in body(again) and not SECRET.search(unescape(body(again)))
    assert WebhookEndpoint.objects.filter(app=himal.app).count() == 1


def test_chosen_events_are_what_it_is_told(himal, owner, url):
    chosen = {"url": NEW["url"], "description": "", "events": ["REWARD_CREATED", "REWARD_CLAIMED"]}
    assert owner.post(url("webhooks/new/"), chosen).status_code == 201
    assert WebhookEndpoint.objects.get(app=himal.app).events == chosen["events"]
    assert "2 of " in body(owner.get(url("webhooks/")))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"url": "http://himal.example"}, "Must use https."),
        ({"url": "https://10.0.0.1/"}, "This address is not allowed."),
        ({"url": ""}, "id_url_error"),
        ({"everything": ""}, "at least one event"),
        ({"everything": "", "events": "NO_SUCH_EVENT"}, "Select a valid choice"),
    ],
    ids=["http", "inner", "none", "no events", "unknown"],
)
def test_an_endpoint_that_cannot_be_is_refused_beside_its_field(himal, owner, url, wrong, sentence):
    answer = owner.post(url("webhooks/new/"), NEW | wrong)
    assert answer.status_code == 422 and sentence in unescape(body(answer))
    assert not WebhookEndpoint.objects.filter(app=himal.app).exists()


def test_the_list_says_how_each_fares_and_when_nothing_fits(himal, owner, url):
    assert "No endpoint yet" in body(owner.get(url("webhooks/")))
    well, failing = endpoint_of(himal), endpoint_of(himal, "https://himal.example/failing")
    EndpointHealth.objects.filter(pk=well.pk).update(last_success_at=timezone.now())
    EndpointHealth.objects.filter(pk=failing.pk).update(last_failure_at=timezone.now(), consecutive_failures=3)
    for query, found in (
        ("", 2),
        ("?state=failing", 1),
        ("?state=well", 1),
        ("?q=failing", 1),
        ("?state=disabled", 0),
        ("?q=zulu", 0),
    ):
        page = body(owner.get(url(f"webhooks/{query}")))
        assert page.count("i-row-link") == found, query
        assert ("No endpoint matches" in page) is (found == 0)
    page = body(owner.get(url("webhooks/")))
    assert "Healthy" in page and "Failing" in page and "nothing sent" in page
    assert "not understood" in body(owner.get(url("webhooks/?state=lost")))
    lines = list(
        csv.DictReader(io.StringIO(body(owner.get(url("webhooks/?state=failing&export=csv"))).lstrip("\ufeff")))
    )
    assert [line["url"] for line in lines] == ["https://himal.example/failing"]


STANDINGS = {
    "unused": ({}, {}, "Not used yet", "Nothing has been sent"),
    "paused": ({"is_active": False, "disabled_reason": "merchant"}, {}, "Paused", "Somebody paused it"),
    "gone": ({"is_active": False, "disabled_reason": "gone"}, {}, "Disabled", "410 Gone"),
    "hopeless": ({"is_active": False, "disabled_reason": "failing"}, {}, "Disabled", "Nothing but failures for three days"),
    "slow": ({}, {"lane": "suspect", "last_success_at": "now"}, "Slow", "one request at a time"),
    "broken": (
        {},
        {"breaker": "open", "open_until": "soon", "consecutive_failures": 7, "last_failure_at": "now"},
        "Waiting",
        "sends one probe then",
    ),
    "asking": (
        {},
        {"breaker": "half_open", "consecutive_failures": 7, "last_failure_at": "now"},
        "Asking",
        "whether it is well again",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(STANDINGS))
def test_why_an_endpoint_is_not_served_is_said_plainly(himal, owner, url, case):
    fields, health, label, sentence = STANDINGS[case]
    moments = {"now": timezone.now(), "soon": timezone.now() + timedelta(minutes=4)}
    endpoint = endpoint_of(himal, **fields)
    if health:
        EndpointHealth.objects.filter(pk=endpoint.pk).update(
            **{name: moments.get(value, value) for name, value in health.items()}
        )
    page = body(owner.get(url(f"webhooks/{endpoint.pk}/")))
    assert label in page and sentence in page
    assert words.standing(endpoint, health_of(endpoint)).label == label


def test_deliveries_are_filtered_paged_and_exported(himal, owner, url):
    endpoint = endpoint_of(himal)
    old = deliveries_of(endpoint, 30)
    failed = deliveries_of(endpoint, 1, answers=503)[0]
    silent = deliveries_of(endpoint, 1, answers=None, type="REWARD_CLAIMED")[0]
    page = f"webhooks/{endpoint.pk}/"

    def shown(query: str) -> list[str]:
        return re.findall(r'class="i-row-link" id="(dlv_\w+)"', body(owner.get(url(f"{page}?{query}"))))

    assert len(shown("")) == 25 and shown("")[0] in (failed, silent)
    assert set(shown("state=failed")) == {failed, silent}
    assert shown("code=5xx") == [failed] and shown("code=none") == [silent] and shown("type=REWARD_CLAIMED") == [silent]
    assert shown("state=waiting") == [] and shown("since=2020-01-01T00:00&until=2020-01-02T00:00") == []
    assert "No delivery matches" in body(owner.get(url(f"{page}?state=kept")))
    assert "not understood" in body(owner.get(url(f"{page}?state=lost")))
    first = shown("")
    older = shown(f"after={first[-1]}")
    assert [*first, *older][2:] == old[::-1]
    assert shown(f"before={older[0]}") == first
    lines = list(csv.DictReader(io.StringIO(body(owner.get(url(f"{page}?code=5xx&export=csv"))).lstrip("\ufeff"))))
    assert [(line["id"], line["lastStatus"], line["milliseconds"]) for line in lines] == [(failed, "503", "1234")]


def test_a_search_that_finds_little_says_how_far_it_looked(himal, owner, url, monkeypatch):
    endpoint = endpoint_of(himal)
    failed = deliveries_of(endpoint, 1, answers=500, created_at=timezone.now() - timedelta(days=2))[0]
    deliveries_of(endpoint, 8)
    monkeypatch.setattr(Deliveries, "reach", 5)
    page = body(owner.get(url(f"webhooks/{endpoint.pk}/?state=failed")))
    assert "Nothing matches back to" in page and failed not in page
    onward = unescape(re.search(r'rel="next" href="([^"]+)"', page).group(1))
    page = body(owner.get(url(f"webhooks/{endpoint.pk}/{onward}")))
    assert failed in page and "Look further back" not in page


def test_the_lists_cost_the_same_with_few_rows_and_with_many(himal, owner, url):
    endpoint = endpoint_of(himal)
    costs: dict[str, list[int]] = {}
    for endpoints, deliveries in ((5, 5), (20, 20)):
        for n in range(WebhookEndpoint.objects.filter(app=himal.app).count(), endpoints):
            endpoint_of(himal, f"https://himal.example/{n}")
        deliveries_of(endpoint, deliveries)
        for path in ("webhooks/", f"webhooks/{endpoint.pk}/", f"webhooks/{endpoint.pk}/?state=delivered"):
            owner.get(url(path))
            with CaptureQueriesContext(connection) as captured:
                assert owner.get(url(path)).status_code == 200
            costs.setdefault(path, []).append(len(captured))
    assert all(few == many <= 12 for few, many in costs.values()), costs


def test_a_delivery_tells_what_was_sent_and_what_came_back(himal, owner, url):
    endpoint = endpoint_of(himal)
    [first, second] = deliveries_of(endpoint, 2, answers=500)
    text = unescape(body(owner.get(url(f"webhooks/deliveries/{first}/"))))
    sent = bytes(WebhookMessage.objects.get(deliveries=first).body).decode()
    assert sent in text
    assert f".1795422116.{sent}" in text and "curl" in text and "v1,abc" in text
    assert "It answered 500" in text and "<b>so be it</b>" in text and "server" in text and "1,234 ms" in text
    assert f"deliveries/{second}/" in text and 'data-hotkey="k"' in text
    assert "&lt;b&gt;so be it&lt;/b&gt;" in body(owner.get(url(f"webhooks/deliveries/{first}/")))
    # a poll that brings nothing new swaps nothing
    mark = re.search(r"\?seen=([\w.]+)", body(owner.get(url(f"webhooks/deliveries/{first}/"))))
    assert mark is None, "what is over is not asked about again"
    WebhookDelivery.objects.filter(pk=first).update(state="pending", next_at=timezone.now() + timedelta(minutes=1))
    mark = re.search(r"\?seen=([\w.]+)", body(owner.get(url(f"webhooks/deliveries/{first}/")))).group(1)
    poll = {"headers": {"HX-Request": "true"}}
    assert owner.get(url(f"webhooks/deliveries/{first}/?seen={mark}"), **poll).status_code == 204
    assert owner.get(url(f"webhooks/deliveries/{first}/?seen=other"), **poll).status_code == 200


def test_a_delivery_is_sent_again_with_the_same_id(himal, owner, url):
    endpoint = endpoint_of(himal)
    delivery = WebhookDelivery.objects.get(pk=deliveries_of(endpoint, 1, answers=500)[0])
    page = owner.post(url(f"webhooks/deliveries/{delivery.pk}/resend/"), follow=True)
    again = WebhookDelivery.objects.exclude(pk=delivery.pk).get(endpoint=endpoint)
    assert again.message_id == delivery.message_id and again.trigger == "manual"
    assert again.pk in page.redirect_chain[-1][0] and "same message id" in body(page)
    owner.post(url(f"webhooks/{endpoint.pk}/pause/"))
    page = owner.post(url(f"webhooks/deliveries/{delivery.pk}/resend/"), follow=True)
    assert "is disabled" in body(page) and WebhookDelivery.objects.filter(endpoint=endpoint).count() == 2


def test_an_example_is_sent_through_the_real_pipeline(himal, owner, url):
    endpoint = endpoint_of(himal)
    where = url(f"webhooks/{endpoint.pk}/test/")
    assert "discountCode" in body(owner.get(f"{where}?event=REWARD_CLAIMED"))
    page = owner.post(where, {"event": "REWARD_CLAIMED"}, follow=True)
    delivery = WebhookDelivery.objects.get(endpoint=endpoint)
    assert (delivery.type, delivery.trigger) == ("REWARD_CLAIMED", "test") and delivery.pk in page.redirect_chain[-1][0]
    assert owner.post(where, {"event": "NO_SUCH"}).status_code == 422
    owner.post(url(f"webhooks/{endpoint.pk}/pause/"))
    assert "is disabled" in body(owner.post(where, {"event": "REWARD_CLAIMED"}))
    assert WebhookDelivery.objects.filter(endpoint=endpoint).count() == 1


def test_settings_are_changed_and_wrong_ones_refused(himal, owner, url):
    endpoint = endpoint_of(himal)
    where = url(f"webhooks/{endpoint.pk}/settings/")
    sent = {"url": "https://himal.example/new", "description": "New", "events": ["REWARD_CREATED"]}
    owner.post(where, sent | {"payload_filter": '{"currency": "NPR"}'})
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.events, endpoint.payload_filter) == (
        sent["url"],
        sent["events"],
        {"currency": "NPR"},
    )
    assert "NPR" in unescape(body(owner.get(where)))
    for wrong, sentence in (
        ({"payload_filter": "{"}, "Is not JSON"),
        ({"payload_filter": '{"nonsense": 1}'}, "nonsense"),
        ({"url": "https://localhost/"}, "not allowed"),
    ):
        answer = owner.post(where, sent | wrong)
        assert answer.status_code == 422 and sentence in unescape(body(answer)), wrong
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.payload_filter) == (sent["url"], {"currency": "NPR"})


def test_secrets_are_rotated_promoted_and_keys_turned_on_and_off(himal, owner, url):
    endpoint = endpoint_of(himal)
    where = url(f"webhooks/{endpoint.pk}/rotate/")
    once = re.search(r'name="once" value="([^"]+)"', body(owner.get(where))).group(1)
    answer = owner.post(where, {"overlap": "24", "once": once})
    assert answer.status_code == 201 and SECRET.search(unescape(body(answer)))
    assert endpoint.secrets.live().count() == 2
    assert "only once" in body(owner.post(where, {"overlap": "24", "once": once}, follow=True))
    assert endpoint.secrets.live().count() == 2
    settings = url(f"webhooks/{endpoint.pk}/settings/")
    assert "Promote the newest" in body(owner.get(settings))
    owner.post(url(f"webhooks/{endpoint.pk}/promote/"))
    assert endpoint.secrets.live().latest("created_at").is_primary and "Promote the newest" not in body(
        owner.get(settings)
    )
    owner.post(url(f"webhooks/{endpoint.pk}/key/"))
    assert signing.PUBLIC_PREFIX in body(owner.get(settings)) and signing.KEY_PREFIX not in body(owner.get(settings))
    owner.post(url(f"webhooks/{endpoint.pk}/key/drop/"))
    assert signing.PUBLIC_PREFIX not in body(owner.get(settings))
    owner.post(where, {"overlap": "0"})
    assert endpoint.secrets.live().count() == 1
    assert owner.post(where, {"overlap": "5"}).status_code == 422


def test_what_failed_is_recovered_and_the_job_can_be_watched_and_stopped(himal, owner, url):
    endpoint = endpoint_of(himal)
    deliveries_of(endpoint, 3, answers=500)
    where = url(f"webhooks/{endpoint.pk}/replays/")
    page = body(owner.post(where, {"kind": "recover", "age": "24"}, follow=True))
    job = endpoint.replays.get()
    assert (job.kind, job.queued, job.created_by) == ("recover", 3, f"user:{owner.user.pk}")
    assert "0 of 3 delivered" in page and "data-poll" in page and owner.user.get_full_name() in page
    poll = {"headers": {"HX-Request": "true"}}
    mark = re.search(r"\?seen=([^\"]*)", page).group(1)
    assert owner.get(f"{where}?seen={mark}", **poll).status_code == 204
    WebhookDelivery.objects.filter(endpoint=endpoint, trigger="replay").update(state="delivered")
    page = body(owner.get(f"{where}?seen={mark}", **poll))
    assert "3 of 3 delivered" in page and "data-poll" not in page and "<html" not in page
    for wrong in (
        {"kind": "recover", "age": ""},
        {"kind": "all", "age": "1"},
        {"kind": "missing", "age": "", "since": "2020-01-01T00:00"},
    ):
        assert owner.post(where, wrong).status_code == 422, wrong
    assert endpoint.replays.count() == 1
    endpoint.replays.update(state="running")
    owner.post(f"{where}{job.pk}/cancel/")
    assert endpoint.replays.get().state == "cancelled"
    assert owner.post(f"{where}rpl_{NOTHING}/cancel/").status_code == 404


def test_pause_resume_and_delete(himal, owner, url):
    endpoint = endpoint_of(himal)
    owner.post(url(f"webhooks/{endpoint.pk}/pause/"))
    endpoint.refresh_from_db()
    assert not endpoint.is_active and endpoint.disabled_reason == "merchant"
    assert "Resume" in body(owner.get(url(f"webhooks/{endpoint.pk}/")))
    owner.post(url(f"webhooks/{endpoint.pk}/resume/"))
    endpoint.refresh_from_db()
    assert endpoint.is_active
    owner.post(url(f"webhooks/{endpoint.pk}/delete/"))
    assert owner.get(url(f"webhooks/{endpoint.pk}/")).status_code == 404
    assert "No endpoint yet" in body(owner.get(url("webhooks/")))


def test_the_checker_names_the_mistake(himal, owner, url):
    endpoint, secret = WebhookEndpoint.objects.register(himal.app, url="https://himal.example/hooks", events=["*"])
    sent = json.dumps({"event": "X", "data": {"amount": 5}}, separators=(",", ":"))
    headers = f"X-Webhook-Signature: {signing.documented(sent.encode(), secret)}"
    where = url(f"webhooks/{endpoint.pk}/check/")
    for text, told, sentence in (
        (sent, headers, "The signature is right."),
        (json.dumps(json.loads(sent), indent=2), headers, "parsed and written anew"),
        (sent, "", "There is no signature"),
    ):
        page = unescape(body(owner.post(where, {"body": text, "headers": told})))
        assert sentence in page and secret not in page, sentence
    assert owner.post(where, {"body": sent, "headers": "nonsense"}).status_code == 422
    delivery = deliveries_of(endpoint)[0]
    assert "webhook-signature: v1,abc" in body(owner.get(f"{where}?delivery={delivery}"))
