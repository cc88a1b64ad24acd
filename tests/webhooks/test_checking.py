"""The checker names each of the usual mistakes, whichever form of signature it was made with."""

import hashlib
import hmac
import json
import time
from base64 import b64decode, b64encode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webhooks import canonical, checking, signing
from webhooks.checking import Secret

OWN, OLD, OTHER = (signing.new_secret() for _ in range(3))
KEY = signing.new_key()
SECRETS = [
    Secret("whs_own", OWN),
    Secret("whs_old", OLD, is_live=False),
    Secret("whs_other", OTHER, is_own=False),
    Secret("whs_key", signing.public_key(KEY)),
]
ID = "msg_01m831b2qts05fen4vdq67f4qp"
NOW = 1_795_000_000
DATA = {"name": "Café \u2028 Mitra", "amount": 12.5, "5": None, "list": [1, 2.25, "é"]}
BODY = canonical.dumps({"event": "REWARD_CREATED", "data": DATA, "timestamp": "2026-11-23T09:00:00.000Z", "id": ID})


def sent(body: bytes = BODY, secret: str = OWN, **change) -> dict[str, str]:
    told = {
        "message_id": ID,
        "event": "REWARD_CREATED",
        "attempt": 1,
        "timestamp": NOW,
        "primary": secret,
        "body": body,
    }
    return signing.headers(**told | change)


def only(header: str, headers: dict[str, str]) -> dict[str, str]:
    """One signature of them, with what it is made over."""
    return {name: value for name, value in headers.items() if name in (header, "webhook-id", "webhook-timestamp")}


def code_of(headers: dict[str, str], body: str | None = None, **options) -> str:
    return checking.judge(BODY.decode() if body is None else body, headers, SECRETS, **{"now": NOW} | options)[0].code


FORMS = ["X-Webhook-Signature", "webhook-signature"]


@pytest.mark.parametrize("name", ["own", "rotated", "with a key", "lower case", "shouted"])
def test_what_we_send_is_right(name):
    headers = {
        "own": sent(),
        "rotated": sent(secret=OLD, others=[OWN]),
        "with a key": sent(keys=[KEY]),
        "lower case": {key.lower(): value for key, value in sent().items()},
        "shouted": {key.upper(): value for key, value in sent().items()},
    }[name]
    if name == "rotated":
        headers = only("webhook-signature", headers)

    verdict, each = checking.judge(BODY.decode(), headers, SECRETS, now=NOW)
    assert verdict.is_ok
    assert {one.secret_id for one in each} == {"whs_own"}


RESERIALISED = {
    "python": lambda text: json.dumps(json.loads(text)),
    "indented": lambda text: json.dumps(json.loads(text), indent=2, ensure_ascii=False),
    "escaped": lambda text: json.dumps(json.loads(text), separators=(",", ":")),
    "slashes": lambda text: json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).replace(
        "12.5", "12.50"
    ),
}
WHITESPACE = {
    "line end added": lambda text: text + "\n",
    "windows line end added": lambda text: text + "\r\n",
    "space before": lambda text: "  " + text,
    "byte order mark": lambda text: "\ufeff" + text,
}
CHANGES = {
    **{name: (make, "body_reserialised") for name, make in RESERIALISED.items()},
    **{name: (make, "body_whitespace") for name, make in WHITESPACE.items()},
    "latin-1": (lambda text: text.encode().decode("latin-1"), "body_encoding"),
}


@pytest.mark.parametrize("form", [*FORMS, "v1a"])
@pytest.mark.parametrize("change", sorted(CHANGES))
def test_what_was_done_to_the_body_is_named(form, change):
    make, code = CHANGES[change]
    headers = sent(keys=[KEY])
    headers["webhook-signature"] = headers["webhook-signature"].split()[1 if form == "v1a" else 0]

    changed = make(BODY.decode())
    assert changed != BODY.decode()
    assert code_of(only(FORMS[1] if form == "v1a" else form, headers), changed) == code


def test_a_line_end_that_was_trimmed_is_named():
    """The sender of somebody's own test signs the file with its last line end, the receiver reads it without."""
    for form in FORMS:
        assert code_of(only(form, sent(body=BODY + b"\n"))) == "body_whitespace"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("secret", "code"),
    [(OLD, "old_secret"), (OTHER, "other_endpoint"), (signing.new_secret(), "unknown")],
    ids=["old_secret", "other_endpoint", "unknown"],  # not the secrets: each process makes others
)
def test_a_wrong_secret_is_named(form, secret, code):
    assert code_of(only(form, sent(secret=secret))) == code


def digest(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()


STANDARD = f"{ID}.{NOW}.".encode() + BODY
WHOLE, PART, DECODED = OWN.encode(), OWN.removeprefix("whsec_").encode(), b64decode(OWN.removeprefix("whsec_"))
SPELT = {
    "documented with the decoded key": ("X-Webhook-Signature", digest(DECODED, BODY).hex(), "secret_prefix"),
    "documented without the prefix": ("X-Webhook-Signature", digest(PART, BODY).hex(), "secret_prefix"),
    "standard with the whole text": ("webhook-signature", "v1," + b64encode(digest(WHOLE, STANDARD)).decode(), "secret_prefix"),
    "standard without decoding": ("webhook-signature", "v1," + b64encode(digest(PART, STANDARD)).decode(), "secret_prefix"),
    "documented in base64": ("X-Webhook-Signature", b64encode(digest(WHOLE, BODY)).decode(), "wrong_encoding"),
    "documented in capitals": ("X-Webhook-Signature", digest(WHOLE, BODY).hex().upper(), "wrong_encoding"),
    "documented like GitHub's": ("X-Webhook-Signature", "sha256=" + digest(WHOLE, BODY).hex(), "wrong_encoding"),
    "standard in hex": ("webhook-signature", "v1," + digest(DECODED, STANDARD).hex(), "wrong_encoding"),
    "standard without v1": ("webhook-signature", b64encode(digest(DECODED, STANDARD)).decode(), "wrong_encoding"),
    "documented over id and time": ("X-Webhook-Signature", digest(WHOLE, STANDARD).hex(), "wrong_content"),
    "standard over the body alone": ("webhook-signature", "v1," + b64encode(digest(DECODED, BODY)).decode(), "wrong_content"),
    "the standard one in the other header": (
        "X-Webhook-Signature", "v1," + b64encode(digest(DECODED, STANDARD)).decode(), "secret_prefix",
    ),
    "nonsense": ("webhook-signature", "v1,nonsense", "unknown"),
    "another version": ("webhook-signature", "v2,AAAA", "unknown"),
}  # fmt: skip


@pytest.mark.parametrize("recipe", sorted(SPELT))
def test_how_it_was_made_is_named(recipe):
    header, value, code = SPELT[recipe]

    assert code_of({"webhook-id": ID, "webhook-timestamp": str(NOW), header: value}) == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"now": NOW + 301}, "timestamp_out_of_tolerance"),
        ({"now": NOW - 301}, "timestamp_out_of_tolerance"),
        ({"now": NOW + 300}, "ok"),
    ],
)
def test_a_clock_that_is_wrong_is_named(change, code):
    assert code_of(only("webhook-signature", sent()), **change) == code


def test_headers_that_do_not_belong_to_the_body_are_named():
    headers = only("webhook-signature", sent())

    assert code_of(headers | {"webhook-id": "msg_another"}) == "other_message"
    assert code_of({name: value for name, value in headers.items() if name != "webhook-id"}) == "headers_missing"
    assert code_of(headers | {"webhook-timestamp": "soon"}) == "timestamp_malformed"
    assert code_of({}) == "no_signature"
    assert code_of(sent(), BODY.decode().replace("12.5", "13.5"), sent=BODY) == "body_changed"
    assert code_of(sent(), BODY.decode().replace("12.5", "13.5")) == "unknown"


def test_one_wrong_header_is_not_made_good_by_another():
    assert code_of(sent() | {"X-Webhook-Signature": "0" * 64}) == "unknown"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=st.text(st.characters(), max_size=80),
    header=st.sampled_from([*FORMS, "X-Webhook-Signature-Next"]),
    value=st.text(st.characters(), max_size=80),
    id=st.text(st.characters(), max_size=20),
    timestamp=st.just(str(int(time.time()))) | st.text(st.characters(), max_size=20),
)
def test_no_input_is_too_odd_and_nothing_odd_is_right(body, header, value, id, timestamp):
    headers = {header: value, "webhook-id": id, "webhook-timestamp": timestamp}

    assert not checking.judge(body, headers, SECRETS, now=NOW)[0].is_ok
