"""Both signatures, checked by the libraries that merchants use and by the documented form."""

import hashlib
import hmac
import time
from base64 import b64decode

import pytest
import standardwebhooks
import svix

from webhooks import canonical, signing

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


def headers(primary=OLD, others=(), timestamp=None, body=BODY):
    return signing.headers(
        message_id=MESSAGE,
        event="REWARD_CREATED",
        attempt=1,
        timestamp=timestamp or int(time.time()),
        body=body,
        primary=primary,
        others=others,
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
