"""Both signatures, checked by the libraries that merchants use and by the documented form."""

import hashlib
import hmac
import time
from base64 import b64decode

import pytest
import standardwebhooks
import svix
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from incenta.encryption import decrypt
from webhooks import canonical, signing
from webhooks.models import WebhookDelivery, WebhookSecret

from .conftest import endpoint_of, happen, make_due, pump, send_all

MESSAGE = "msg_01m831b2qts05fen4vdq67f4qp"
BODY = canonical.dumps(
    {
        "event": "REWARD_CREATED",
        "data": {"amount": 5.00, "userId": "asha"},
        "timestamp": "2026-11-23T09:00:00.000Z",
        "id": MESSAGE,
    }
)
OLD, NEW = signing.new_secret(), signing.new_secret()


def headers(primary=OLD, others=(), timestamp=None, body=BODY, keys=()):
    return signing.headers(
        message_id=MESSAGE,
        event="REWARD_CREATED",
        attempt=1,
        timestamp=timestamp or int(time.time()),
        body=body,
        primary=primary,
        others=others,
        keys=keys,
    )


LIBRARIES = [
    (standardwebhooks.Webhook, standardwebhooks.WebhookVerificationError),
    (svix.webhooks.Webhook, svix.webhooks.WebhookVerificationError),
]


@pytest.mark.parametrize(("library", "_"), LIBRARIES)
def test_the_merchants_libraries_accept(library, _):
    library(OLD).verify(BODY.decode(), headers())  # raises where it does not fit


@pytest.mark.parametrize(("library", "refusal"), LIBRARIES)
@pytest.mark.parametrize("change", ["body", "id", "old", "future", "secret"])
def test_the_merchants_libraries_refuse_what_was_tampered_with(library, refusal, change):
    sent, body, secret = headers(), BODY, OLD
    if change == "body":
        body = BODY.replace(b"asha", b"mall")
    elif change == "id":
        sent["webhook-id"] += "x"
    elif change == "secret":
        secret = NEW
    else:
        sent = headers(timestamp=int(time.time()) + (-400 if change == "old" else 400))

    with pytest.raises(refusal):
        library(secret).verify(body.decode(), sent)


def test_the_documented_form_is_hex_hmac_of_the_raw_body_keyed_with_the_whole_secret():
    assert headers()["X-Webhook-Signature"] == hmac.new(OLD.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(("library", "_"), LIBRARIES)
@pytest.mark.parametrize("held", ["old", "new"])
def test_while_a_secret_rotates_either_verifies_and_the_documented_form_stays_on_the_old(library, _, held):
    sent = headers(OLD, [NEW])

    library(OLD if held == "old" else NEW).verify(BODY.decode(), sent)
    assert sent["X-Webhook-Signature"] == signing.documented(BODY, OLD)
    assert sent["X-Webhook-Signature-Next"] == signing.documented(BODY, NEW)


def test_a_secret_is_shown_with_its_prefix_and_has_32_random_bytes():
    assert OLD.startswith("whsec_")
    assert len(b64decode(OLD.removeprefix("whsec_"))) == 32
    assert OLD != NEW


# -- Ed25519 -------------------------------------------------------------------------------------------------------------
KEY = signing.new_key()


def test_a_public_key_verifies_and_tells_nothing_of_the_private_one():
    public = signing.public_key(KEY)
    sent = headers(keys=[KEY])
    given = next(each for each in sent["webhook-signature"].split() if each.startswith("v1a,"))
    content = signing.signed_content(MESSAGE, int(sent["webhook-timestamp"]), BODY)

    key = Ed25519PublicKey.from_public_bytes(b64decode(public.removeprefix("whpk_")))
    key.verify(b64decode(given.removeprefix("v1a,")), content)
    with pytest.raises(InvalidSignature):
        key.verify(b64decode(given.removeprefix("v1a,")), content + b" ")
    assert KEY.startswith("whsk_") and public.startswith("whpk_")
    assert len(b64decode(public.removeprefix("whpk_"))) == 32


@pytest.mark.parametrize(("library", "refusal"), LIBRARIES)
def test_libraries_that_know_only_secrets_verify_beside_it(library, refusal):
    library(OLD).verify(BODY.decode(), headers(keys=[KEY, signing.new_key()]))
    library(NEW).verify(BODY.decode(), headers(OLD, [NEW], keys=[KEY]))
    with pytest.raises(refusal):
        library(signing.new_secret()).verify(BODY.decode(), headers(keys=[KEY]))


def verifies(public: str, request) -> bool:
    key = Ed25519PublicKey.from_public_bytes(b64decode(public.removeprefix("whpk_")))
    content = signing.signed_content(request.id, int(request.headers["webhook-timestamp"]), request.body)
    for entry in request.headers["webhook-signature"].split():
        if entry.startswith("v1a,"):
            try:
                key.verify(b64decode(entry.removeprefix("v1a,")), content)
            except InvalidSignature:
                continue
            return True
    return False


def test_an_endpoint_signs_with_its_key_from_when_it_is_made_until_it_is_dropped(shop, himal, receiver):
    endpoint, secret = endpoint_of(shop, receiver.url())
    path = f"/webhooks/{endpoint.pk}"
    assert himal.get(path)["publicKeys"] == []
    made = himal.post(f"{path}/asymmetric-key")
    assert (made.status, made["publicKeys"]) == (200, [made["publicKey"]])
    rotated = himal.post(f"{path}/asymmetric-key", {"overlapHours": 1})
    assert rotated["publicKeys"] == [rotated["publicKey"], made["publicKey"]]
    happen(shop)
    send_all()
    happen(shop)
    assert himal.post(f"{path}/asymmetric-key", {"overlapHours": 0})["publicKeys"] != rotated["publicKeys"]
    send_all()
    assert himal.delete(f"{path}/asymmetric-key").status == himal.delete(f"{path}/asymmetric-key").status == 204
    happen(shop)
    send_all()

    both, newest, none = receiver.received
    assert verifies(made["publicKey"], both) and verifies(rotated["publicKey"], both)
    assert not verifies(made["publicKey"], newest) and "v1a," in newest.headers["webhook-signature"]
    assert "v1a," not in none.headers["webhook-signature"]
    for request in receiver.received:
        standardwebhooks.Webhook(secret).verify(request.body.decode(), request.headers)
    assert himal.get(path)["publicKeys"] == []
    sealed = WebhookSecret.objects.keys().values_list("sealed", flat=True)
    assert not any("whsk_" in text for text in sealed), "encrypted at rest"
    assert [decrypt(text)[:5] for text in sealed] == ["whsk_"] * 3


def test_three_keys_at_most_are_live_and_secrets_are_counted_apart(himal):
    made = himal.post("/webhooks", {"url": "https://example.com/hooks", "events": ["*"]})
    path = f"/webhooks/{made['id']}"

    assert [himal.post(f"{path}/asymmetric-key").status for _ in range(4)] == [200, 200, 200, 409]
    assert [himal.post(f"{path}/rotate-secret").status for _ in range(3)] == [200, 200, 409]
    assert himal.post(f"{path}/promote-secret").status == 200
    assert WebhookSecret.objects.get(is_primary=True).kind == WebhookSecret.Kind.HMAC


# -- rotation under load ---------------------------------------------------------------------------------------------------
def test_a_rotation_under_load_loses_nothing(shop, himal, receiver):
    """Traffic all the while, the receiver deploys the new secret late, the merchant promotes after that. Who verifies the
    one-value header with one secret refuses requests only between deploy and promote, and their retries make up for it; who
    verifies the Standard header refuses none."""
    endpoint, old = endpoint_of(shop, receiver.url())
    held = [old]
    refused: list[str] = []

    def answer(request):
        standardwebhooks.Webhook(held[0]).verify(request.body.decode(), request.headers)  # would raise, and reset
        if request.headers["x-webhook-signature"] == signing.documented(request.body, held[0]):
            return 200
        refused.append(phase[0])
        return 401

    receiver.answer = answer
    phase = ["before"]
    ids = happen(shop, count=5)
    send_all()
    new = himal.post(f"/webhooks/{endpoint.pk}/rotate-secret")["secret"]
    for phase[0] in ("rotated", "deployed", "promoted"):
        if phase[0] == "deployed":
            held[0] = new
        if phase[0] == "promoted":
            himal.post(f"/webhooks/{endpoint.pk}/promote-secret")
        ids += happen(shop, count=4)
        send_all()
        make_due()
    pump()
    make_due()
    pump()

    assert set(refused) == {"deployed"}
    assert set(WebhookDelivery.objects.values_list("message_id", "state")) == {(id, "delivered") for id in ids}
    assert {request.id for request in receiver.received} == set(ids)
