"""User tokens: what the merchant's server signs is believed, for this app, this user and this long; nothing else is."""

import base64
import hmac
import json
import time
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from incenta.accounts.models import AuditEntry
from incenta.encryption import decrypt
from incenta.errors import Unauthorized
from incenta.widgets import tokens
from incenta.widgets.models import SigningSecret
from tests.cast import at_once, caller

from .conftest import opened

pytestmark = pytest.mark.django_db


def claims(shop, **changed) -> dict:
    now = int(time.time())
    told = {"aud": shop.app.pk, "sub": "asha", "exp": now + 600} | changed
    return {name: value for name, value in told.items() if value is not None}


def signed(shop, **changed) -> str:
    return jwt.encode(claims(shop, **changed), shop.secret, algorithm="HS256")


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def by_hand(shop, header: dict, payload: object, digest: str = "sha256", secret: str = "") -> str:
    """A token that no library would make."""
    text = f"{part(header)}.{part(payload)}"
    mac = hmac.new((secret or shop.secret).encode(), text.encode(), digest).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def refused(shop, token: str) -> str:
    with pytest.raises(Unauthorized) as refusal:
        tokens.user_of(shop.app, token)
    return refusal.value.code


def test_whom_the_server_has_signed_for_is_believed(shop):
    assert tokens.user_of(shop.app, shop.sign("asha")) == "asha"
    assert tokens.user_of(shop.app, signed(shop, sub="Zoë 4711 ✓")) == "Zoë 4711 ✓"
    assert tokens.user_of(shop.app, by_hand(shop, {"alg": "HS256", "typ": "JWT"}, claims(shop))) == "asha"
    assert tokens.user_of(shop.app, signed(shop, exp=int(time.time()) - 30)) == "asha", "clocks may differ by a minute"
    assert tokens.user_of(shop.app, signed(shop, exp=str(int(time.time()) + 600))) == "asha"


def test_an_end_is_an_end(shop):
    assert refused(shop, signed(shop, exp=int(time.time()) - tokens.LEEWAY_S - 1)) == "user_token_expired"


WRONG = {
    "without a user": {"sub": None},
    "without an end": {"exp": None},
    "without an app": {"aud": None},
    "for a week": {"exp": 2**31 - 1},
    "for ever": {"exp": float("inf")},
    "for longer than that": {"exp": 10**400},
    "for a week in quotes": {"exp": str(2**31 - 1)},
    "with an end in words": {"exp": "tomorrow"},
    "not yet": {"nbf": 2**31 - 1},
    "of a number": {"sub": 7},
    "of nobody": {"sub": ""},
    "of somebody with a NUL": {"sub": "a\0b"},
    "of half a character": {"sub": "a\ud800"},
    "of a name too long": {"sub": "a" * 256},
    "of a list": {"sub": ["asha"]},
    "for several apps": {"aud": ["app_1", "app_2"]},
    "for another app": {"aud": "app_01m831b2qts05fen4vdq67f4qp"},
}


def test_claims_that_are_not_right_are_refused(shop):
    for how, changed in WRONG.items():
        assert refused(shop, by_hand(shop, {"alg": "HS256"}, claims(shop, **changed))) == "user_token_invalid", how


def test_a_list_of_audiences_is_refused_even_with_the_app_in_it(shop):
    assert refused(shop, by_hand(shop, {"alg": "HS256"}, claims(shop, aud=[shop.app.pk]))) == "user_token_invalid"


def test_another_algorithm_is_refused(shop):
    for alg in ("none", "None", "NONE", "", "HS384", "HS512", "RS256", "hs256", None, 7):
        text, header = f"{part({'alg': alg, 'typ': 'JWT'})}.{part(claims(shop))}", {"alg": alg}
        signed_ones = (by_hand(shop, header, claims(shop), digest) for digest in ("sha256", "sha384", "sha512"))
        for token in (f"{text}.", text, *signed_ones):
            assert refused(shop, token) == "user_token_invalid", alg


def test_a_public_key_is_no_secret(shop):
    """The classic confusion: a token signed by RSA, or with a public text as the secret."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert refused(shop, jwt.encode(claims(shop), key, algorithm="RS256")) == "user_token_invalid"
    assert (
        refused(shop, by_hand(shop, {"alg": "HS256"}, claims(shop), secret=shop.browser.secret)) == "user_token_invalid"
    )


def test_what_is_no_token_is_refused(shop):
    critical = part({"alg": "HS256", "crit": ["b64"], "b64": False})
    nested = base64.urlsafe_b64encode(b"[" * 2900).decode()
    others = ("x", "..", "a.b.c", "é.é.é", "." * 5000, "e30.e30.e30", f"{'W' * 3900}.e30.x")
    for token in (*others, f"{critical}.e30.x", f"{nested}.e30.x"):
        assert refused(shop, token) == "user_token_invalid", token[:40]


def test_a_changed_token_is_refused(shop):
    head, body, signature = shop.sign("asha").split(".")
    other = shop.sign("mallory").split(".")[1]
    assert refused(shop, f"{head}.{other}.{signature}") == "user_token_invalid"
    assert refused(shop, f"{head}.{body}.{'A' * len(signature)}") == "user_token_invalid"


def test_another_tenants_signature_is_worth_nothing(shop, rival):
    other = opened(rival)
    assert refused(shop, other.sign("asha")) == "user_token_invalid"
    # also where it names our app
    assert refused(shop, tokens.sign(shop.app, "asha", other.secret)) == "user_token_invalid"
    # and neither are live and sandbox one
    sandbox = opened(caller(shop.app.sandbox))
    assert refused(shop, sandbox.sign("asha")) == refused(sandbox, shop.sign("asha")) == "user_token_invalid"


def test_an_app_without_a_secret_believes_nobody(shop, rival):
    assert refused(opened(rival), tokens.sign(rival.app, "asha", "x" * 43)) == "user_token_invalid"
    SigningSecret.objects.all().delete()
    assert refused(shop, shop.sign("asha")) == "user_token_invalid"


# --- secrets ----------------------------------------------------------------------------------------------------------
def test_a_secret_is_encrypted_at_rest_and_leaves_a_trace(shop):
    kept = shop.app.signing_secrets.get()
    assert shop.secret not in kept.sealed and decrypt(kept.sealed) == shop.secret
    assert shop.secret.startswith("inc_sig_live_") and kept.last4 == shop.secret[-4:]
    entry = AuditEntry.objects.get(type="signing_secret.made")
    assert entry.subject_id == kept.pk and shop.secret not in str(entry.data)


def test_while_a_secret_rotates_both_count(shop):
    before = shop.sign("asha")
    _, shop.secret = tokens.rotate(shop.app, timedelta(hours=1))
    assert tokens.user_of(shop.app, before) == tokens.user_of(shop.app, shop.sign("asha")) == "asha"
    _, shop.secret = tokens.rotate(shop.app)
    assert refused(shop, before) == "user_token_invalid"
    assert tokens.user_of(shop.app, shop.sign("asha")) == "asha"


def test_only_a_few_count_at_once(shop):
    first = shop.sign("asha")
    for _ in range(4):
        _, shop.secret = tokens.rotate(shop.app, timedelta(hours=24))
    assert shop.app.signing_secrets.live().count() == tokens.MOST_LIVE
    assert refused(shop, first) == "user_token_invalid"
    assert tokens.user_of(shop.app, shop.sign("asha")) == "asha"


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_each_makes_one_and_one_is_the_present(himal):
    made = at_once(6, lambda place: tokens.rotate(himal.app)[1])
    assert len(set(made)) == 6
    present = himal.app.signing_secrets.live().get()
    assert present.expires_at is None and decrypt(present.sealed) in made
