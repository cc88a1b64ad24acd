"""Why a signature does not verify: tries the usual mistakes, and names the one with which the given signature comes out.

A merchant's developer pastes the body as the program saw it and the headers as they came, or as a test of their own made
them. Pure: :func:`judge` is given the secrets.
"""

import hmac
import json
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from . import canonical, signing

TOLERANCE_S = 300
LARGEST_BODY = 128 * 1024
DOCUMENTED, STANDARD, ED25519 = "documented", "standard", "ed25519"
HEADERS = {"x-webhook-signature": DOCUMENTED, "x-webhook-signature-next": DOCUMENTED, "webhook-signature": STANDARD}

MESSAGES = {
    "ok": "The signature is right.",
    "no_signature": "There is no signature: neither webhook-signature nor X-Webhook-Signature is among the headers.",
    "headers_missing": "webhook-signature is made over webhook-id, webhook-timestamp and the body; one of the two headers is missing.",
    "timestamp_malformed": "webhook-timestamp is not a number of seconds.",
    "timestamp_out_of_tolerance": "The signature is right, but webhook-timestamp is over five minutes from now: libraries refuse that.",
    "body_reserialised": "The body was parsed and written anew: the same JSON in other bytes. Verify the raw body, before any parsing.",
    "body_whitespace": "White space or a line end was added to the body or taken from it. Verify the raw body.",
    "body_encoding": "The body was decoded as Latin-1. It is UTF-8; better still, verify the bytes as they came.",
    "body_changed": "This is not the body that was sent under this id.",
    "old_secret": "The signature was made with a secret of this endpoint that is no longer live.",
    "other_endpoint": "The signature was made with the secret of another endpoint of this app.",
    "secret_prefix": "The key is not the one that this form takes: X-Webhook-Signature is keyed with the whole secret, whsec_ and all, "
    "as text; webhook-signature with the bytes that the base64 behind whsec_ stands for.",
    "wrong_encoding": "The digest is right, its spelling is not: X-Webhook-Signature is lower-case hex, webhook-signature v1, and base64.",
    "wrong_content": "The wrong text was signed: X-Webhook-Signature is over the body alone, webhook-signature over id.timestamp.body.",
    "other_message": "webhook-id is that of another message than the body's.",
    "unknown": "No secret of this app and no usual mistake makes this signature. Was the body or a header changed on its way?",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Secret:
    """One that may have signed. ``text``: ``whsec_…``, or the public key ``whpk_…``."""

    id: str
    text: str = field(repr=False)
    is_own: bool = True
    is_live: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one signature, or of all that were given. ``code`` is a key of ``MESSAGES``."""

    code: str
    header: str | None = None
    scheme: str | None = None
    secret_id: str | None = None

    @property
    def is_ok(self) -> bool:
        return self.code == "ok"

    @property
    def message(self) -> str:
        return MESSAGES[self.code]


@dataclass(frozen=True, slots=True)
class _Guess:
    """A digest as it would have come about, and the mistake that it takes."""

    code: str
    key: bytes
    content: bytes


def judge(
    body: str, headers: Mapping[str, str], secrets: Sequence[Secret], *, now: float, sent: bytes | None = None
) -> tuple[Verdict, list[Verdict]]:
    """The verdict, and that of each signature header. ``sent`` is the body that went out under the id, where it is known.

    All headers must be right; of several entries in one header, one.
    """
    told = {name.strip().lower(): value.strip() for name, value in headers.items()}
    each = [
        _of_header(name, scheme, body, told, secrets, now, sent) for name, scheme in HEADERS.items() if told.get(name)
    ]
    if not each:
        return Verdict("no_signature"), []
    return next((verdict for verdict in each if not verdict.is_ok), each[0]), each


def _of_header(
    header: str,
    scheme: str,
    body: str,
    told: Mapping[str, str],
    secrets: Sequence[Secret],
    now: float,
    sent: bytes | None,
) -> Verdict:
    id, timestamp = told.get("webhook-id") or told.get("x-webhook-id"), told.get("webhook-timestamp")
    if scheme == STANDARD:
        if not id or not timestamp:
            return Verdict("headers_missing", header, scheme)
        if not re.fullmatch(r"[0-9]{1,15}", timestamp):
            return Verdict("timestamp_malformed", header, scheme)
    entries = told[header].split() if scheme == STANDARD else [told[header]]
    found = [
        verdict
        for entry in entries
        for verdict in _of_entry(header, scheme, entry, body, id or "", timestamp or "", secrets)
    ]
    # a mistake with one secret may be a chance of the order; what is right is right
    best = next((verdict for verdict in found if verdict.is_ok), found[0] if found else None)
    if best is None:
        is_changed = sent is not None and body.encode(errors="replace") != sent
        return Verdict("body_changed" if is_changed else "unknown", header, scheme)
    if best.is_ok and scheme == STANDARD and abs(now - int(timestamp or 0)) > TOLERANCE_S:
        return Verdict("timestamp_out_of_tolerance", header, best.scheme, best.secret_id)
    return best


def _of_entry(
    header: str, scheme: str, entry: str, body: str, id: str, timestamp: str, secrets: Sequence[Secret]
) -> Iterator[Verdict]:
    """What the entry may be, the likeliest first."""
    if entry.startswith("v1a,"):
        yield from _of_ed25519(header, entry, body, id, timestamp, secrets)
        return
    readings = list(_readings(entry, scheme))
    for secret in sorted(secrets, key=lambda each: (not each.is_own, not each.is_live)):
        if not secret.text.startswith(signing.PREFIX):
            continue
        whose = "ok" if secret.is_own and secret.is_live else "old_secret" if secret.is_own else "other_endpoint"
        for guess in _guesses(scheme, body, id, timestamp, secret):
            digest = hmac.digest(guess.key, guess.content, sha256)
            for spelling, read in readings:
                if hmac.compare_digest(digest, read):
                    # whose secret it is weighs most, then what was signed, then how it is spelt
                    code = next((each for each in (whose, guess.code, spelling) if each != "ok"), "ok")
                    yield Verdict(code, header, scheme, secret.id)


def _guesses(scheme: str, body: str, id: str, timestamp: str, secret: Secret) -> Iterator[_Guess]:
    whole, part = secret.text.encode(), secret.text.removeprefix(signing.PREFIX)
    decoded = b64decode(part)
    right, *wrong = (whole, part.encode(), decoded) if scheme == DOCUMENTED else (decoded, whole, part.encode())

    def contents(raw: bytes, of: str) -> Iterator[tuple[str, bytes]]:
        standard = b"%s.%s.%s" % (of.encode(errors="replace"), timestamp.encode(errors="replace"), raw)
        yield from (
            [("ok", raw), ("wrong_content", standard)]
            if scheme == DOCUMENTED
            else [
                ("ok", standard),
                ("wrong_content", raw),
            ]
        )

    raw = body.encode(errors="surrogatepass")
    for code, content in contents(raw, id):
        yield _Guess(code, right, content)
    if not secret.is_own:
        return
    for key in wrong:
        yield _Guess("secret_prefix", key, raw)
        yield _Guess(
            "secret_prefix", key, b"%s.%s.%s" % (id.encode(errors="replace"), timestamp.encode(errors="replace"), raw)
        )
    own_id = _id_in(body)
    if scheme == STANDARD and own_id and own_id != id:
        yield _Guess("other_message", right, next(contents(raw, own_id))[1])
    for code, other in _bodies(body):
        yield _Guess(code, right, next(contents(other, id))[1])


def _bodies(body: str) -> Iterator[tuple[str, bytes]]:
    """What the body may have been before somebody's program had it, with the mistake that made this of it."""
    stripped = body.strip("\ufeff \t\r\n")
    for other in (stripped, f"{body}\n", f"{body}\r\n", body.replace("\r\n", "\n"), f"{stripped}\n"):
        if other != body:
            yield "body_whitespace", other.encode(errors="surrogatepass")
    for encoding in ("latin-1", "cp1252"):
        try:
            other = body.encode(encoding)
            other.decode()
        except UnicodeError:
            continue
        if other != body.encode():
            yield "body_encoding", other
            yield "body_encoding", other.strip()
    try:
        written = canonical.dumps(json.loads(body))
    except (ValueError, TypeError, RecursionError):
        return
    yield "body_reserialised", written


def _id_in(body: str) -> str | None:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = told.get("id") if isinstance(told, dict) else None
    return found if isinstance(found, str) else None


def _readings(entry: str, scheme: str) -> Iterator[tuple[str, bytes]]:
    """The digests that an entry may spell: (``ok`` where this is how its header spells it, digest)."""
    text = re.sub(r"^(v1,|v1=|sha256=)", "", entry)
    is_plain = text == entry
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        is_right = scheme == DOCUMENTED and is_plain and text == text.lower()
        yield "ok" if is_right else "wrong_encoding", bytes.fromhex(text)
    for alphabet in (None, b"-_"):
        try:
            read = b64decode(text + "=" * (-len(text) % 4), alphabet, validate=True)
        except (NotBase64, ValueError):
            continue
        is_right = scheme == STANDARD and entry.startswith("v1,") and len(text) % 4 == 0 and alphabet is None
        yield "ok" if is_right else "wrong_encoding", read


def _of_ed25519(
    header: str, entry: str, body: str, id: str, timestamp: str, secrets: Sequence[Secret]
) -> Iterator[Verdict]:
    try:
        signature = b64decode(entry.removeprefix("v1a,"), validate=True)
    except (NotBase64, ValueError):
        return
    for secret in sorted(secrets, key=lambda each: (not each.is_own, not each.is_live)):
        if not secret.text.startswith(signing.PUBLIC_PREFIX):
            continue
        public = Ed25519PublicKey.from_public_bytes(b64decode(secret.text.removeprefix(signing.PUBLIC_PREFIX)))
        whose = "ok" if secret.is_own and secret.is_live else "old_secret" if secret.is_own else "other_endpoint"
        for code, raw in [("ok", body.encode(errors="surrogatepass")), *_bodies(body)]:
            try:
                public.verify(
                    signature, b"%s.%s.%s" % (id.encode(errors="replace"), timestamp.encode(errors="replace"), raw)
                )
            except InvalidSignature:
                continue
            yield Verdict(whose if whose != "ok" else code, header, ED25519, secret.id)
