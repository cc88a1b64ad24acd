"""The sandbox's own test receiver: reached without a request, judging signatures, answering as it was told to."""

import re
from html import unescape

import pytest
from django.test import Client

from incenta.accounts.models import App
from incenta.events.catalogue import EVENT_TYPES
from tests.cast import at_once, caller
from tests.dashboard.conftest import body, sign_in
from tests.webhooks.conftest import dispatch, endpoint_of, happen, make_due, pump
from webhooks import receiver_address, receiving, targets
from webhooks.models import ReceivedHook, WebhookDelivery, WebhookEndpoint

OTHER = "0" * 26
EXAMPLE = EVENT_TYPES["REWARD_CREATED"].example


def address(app: App) -> str:
    return f"/hooks/test/{receiver_address.token_of(app.pk)}"


@pytest.fixture
def sandbox(transactional_db, himal) -> App:
    return himal.app.sandbox


def test_a_delivery_is_handed_over_without_a_socket_and_its_signature_looked_at(sandbox, settings):
    settings.ALLOW_PRIVATE_WEBHOOKS = False
    endpoint, _ = endpoint_of(sandbox, receiver_address.url_of(sandbox.pk))
    [message] = happen(sandbox, data=EXAMPLE)
    dispatch()
    assert pump() == 1
    [got] = ReceivedHook.objects.filter(app=sandbox)
    delivery = WebhookDelivery.objects.get(endpoint=endpoint)
    assert (got.message_id, got.verdict, got.endpoint_id, got.answered) == (message, "verified", endpoint.pk, 200)
    assert bytes(got.body) == delivery.body() and delivery.state == "delivered" and delivery.last_status == 200
    assert delivery.attempts.get().ip is None


def test_what_it_answers_is_what_the_pump_sees(sandbox):
    owner = sign_in(sandbox.merchant)
    endpoint, _ = endpoint_of(sandbox, receiver_address.url_of(sandbox.pk))
    seen = {}
    for answer in (500, 302, 410):
        owner.post(f"/dashboard/{sandbox.pk}/webhooks/receiver/answer/", {"status": str(answer)})
        happen(sandbox, data=EXAMPLE)
        dispatch()
        make_due()
        pump()
        delivery = WebhookDelivery.objects.filter(endpoint=endpoint, attempts__isnull=False).latest("created_at", "id")
        seen[answer] = (delivery.attempts.latest("n").status, delivery.attempts.latest("n").error)
    assert seen == {500: (500, "status"), 302: (302, "redirect"), 410: (410, "status")}
    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "gone"


def test_only_its_exact_address_is_special(himal, settings):
    settings.ALLOW_PRIVATE_WEBHOOKS = False
    app = himal.app.sandbox
    own = receiver_address.url_of(app.pk)
    assert receiver_address.app_id_at(own) == app.pk
    for near in (
        own + "/",
        own + "?x=1",
        own + "#x",
        own.replace("/hooks/test/", "/hooks/test/../../v1/"),
        own[:-1] + ("0" if own[-1] != "0" else "1"),
        own.replace(receiver_address.token_of(app.pk)[:26], OTHER),
        own.replace("http://", "http://x@"),
        own.replace("/hooks", ":99/hooks"),
    ):
        assert receiver_address.app_id_at(near) is None, near
        with pytest.raises(targets.Refused):
            targets.check(near, allows_private=False)
        assert himal.post("/webhooks", {"url": near, "events": ["*"]}).status == 400, near
    assert himal.post("/webhooks", {"url": own, "events": ["*"]}).status == 201


def test_whoever_knows_the_address_may_post_to_it_and_nobody_else(sandbox, himal):
    endpoint_of(sandbox, receiver_address.url_of(sandbox.pk))
    stranger = Client()
    assert stranger.post(address(sandbox), b"hello", content_type="text/plain").status_code == 200
    forged = {"X-Webhook-Signature": "0" * 64}
    assert stranger.post(address(sandbox), b"hello", content_type="text/plain", headers=forged).status_code == 200
    verdicts = ReceivedHook.objects.filter(app=sandbox).order_by("pk").values_list("verdict", "endpoint_id")
    assert list(verdicts) == [("unsigned", None), ("wrong", None)]
    assert stranger.get(address(sandbox)).status_code == 405
    for nobody in (address(himal.app), f"/hooks/test/{OTHER}{'0' * 32}", "/hooks/test/x"):
        assert stranger.post(nobody, b"{}", content_type="application/json").status_code == 404, nobody
    too_much = b"x" * (receiving.LARGEST_BODY + 1)
    assert stranger.post(address(sandbox), too_much, content_type="text/plain").status_code == 413
    nul = stranger.post(address(sandbox), b"\x00\xff", content_type="text/plain", headers={"X-Webhook-Event": "a\x00b"})
    assert nul.status_code == 200
    assert ReceivedHook.objects.filter(app=sandbox).count() == 3


def test_the_latest_fifty_are_kept_also_when_thirty_come_at_once(sandbox):
    token = receiver_address.token_of(sandbox.pk)
    for n in range(receiving.KEPT - 5):
        receiving.receive(token, {"webhook-id": f"msg_{n}"}, b"{}")
    answers = at_once(12, lambda n: receiving.receive(token, {"webhook-id": f"msg_late{n}"}, b"{}")[0])
    assert answers == [200] * 12
    kept = ReceivedHook.objects.filter(app=sandbox)
    assert kept.count() == receiving.KEPT
    assert kept.filter(message_id__startswith="msg_late").count() == 12


def test_the_page_shows_what_came_and_asks_for_more(sandbox, himal):
    owner = sign_in(sandbox.merchant)
    where = f"/dashboard/{sandbox.pk}/webhooks/receiver/"
    page = body(owner.get(where))
    assert "Nothing received yet" in page and receiver_address.url_of(sandbox.pk) in page
    receiving.receive(receiver_address.token_of(sandbox.pk), {"X-Webhook-Event": "REWARD_CREATED"}, b'{"a":"<b>"}')
    page = body(owner.get(where))
    assert "REWARD_CREATED" in page and "Not signed" in page and '"a": "<b>"' in unescape(page)
    assert "<b>" not in page.split('id="received"')[1].replace("<b>{", "")
    poll = {"headers": {"HX-Request": "true"}}
    mark = re.search(r"\?seen=(\w+)", page).group(1)
    assert owner.get(f"{where}?seen={mark}", **poll).status_code == 204
    receiving.receive(receiver_address.token_of(sandbox.pk), {"X-Webhook-Event": "REWARD_CLAIMED"}, b"{}")
    assert "REWARD_CLAIMED" in body(owner.get(f"{where}?seen={mark}", **poll))
    # from the live app one is led to the sandbox's, and cannot set anything
    assert owner.get(f"/dashboard/{himal.app.pk}/webhooks/receiver/")["Location"] == where
    owner.post(f"/dashboard/{himal.app.pk}/webhooks/receiver/answer/", {"status": "500"})
    owner.post(f"{where}answer/", {"status": "418"})
    assert receiving.receive(receiver_address.token_of(sandbox.pk), {}, b"")[0] == 200
    owner.post(f"{where}forget/")
    assert not ReceivedHook.objects.exists()


def test_an_empty_sandbox_offers_the_receiver_and_the_live_app_does_not(sandbox, himal):
    owner = sign_in(sandbox.merchant)
    assert receiver_address.url_of(sandbox.pk) in body(owner.get(f"/dashboard/{sandbox.pk}/webhooks/"))
    assert "/hooks/test/" not in body(owner.get(f"/dashboard/{himal.app.pk}/webhooks/"))
    form = body(owner.get(f"/dashboard/{sandbox.pk}/webhooks/new/?to=receiver"))
    assert f'value="{receiver_address.url_of(sandbox.pk)}"' in form
    sent = {"url": receiver_address.url_of(sandbox.pk), "description": "", "everything": "on"}
    assert owner.post(f"/dashboard/{sandbox.pk}/webhooks/new/", sent).status_code == 201
    assert WebhookEndpoint.objects.get(app=sandbox).url == sent["url"]


def test_what_was_received_of_a_person_goes_with_the_person(sandbox):
    shop = caller(sandbox)
    endpoint_of(sandbox, receiver_address.url_of(sandbox.pk))
    campaign = shop.campaign()
    for name in ("asha", "bikram"):
        shop.code(campaign, name)
    dispatch()
    assert pump() == 2
    assert shop.delete("/users/asha").status in (200, 204)
    [left] = ReceivedHook.objects.filter(app=sandbox)
    assert b"bikram" in bytes(left.body)
