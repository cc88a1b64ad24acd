"""JSON in and out: strict about what comes in, compact in what goes out.

The reader refuses what other languages cannot hold or what means two things: NaN, numbers that overflow, NUL, half
characters, repeated names, absurd depth. Small and honest bodies pay for none of that: the costly walk happens only
when the text shows a sign of trouble.
"""

import json
from datetime import datetime
from decimal import Decimal

from django.utils.functional import Promise
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from incenta.clock import iso
from incenta.errors import DomainError, InvalidInput

LARGEST_BODY = 1024 * 1024
"""Bytes of a request body, decoded from its transfer encoding (contract, section 1)."""
DEEPEST = 64
"""Levels of nesting in a request body."""
LONGEST_NUMBER = 300
"""Digits of a whole number: a longer one is infinite in JavaScript, and slow here."""


class TooLarge(DomainError):
    status = 413
    code = "body_too_large"

    def __init__(self) -> None:
        super().__init__(message="The request body is over 1 MiB.")


class UnsupportedMediaType(DomainError):
    status = 415
    code = "unsupported_media_type"

    def __init__(self) -> None:
        super().__init__(message="Send JSON, with Content-Type: application/json.")


def _refuse(sentence: str) -> InvalidInput:
    return InvalidInput({"body": [sentence]}, message=sentence, code="invalid_json")


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _refuse(f"The number {text[:40]} is too large.")
    return number


def _int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise _refuse(f"The number {text[:40]}… is too large.")
    return int(text)


def _constant(name: str):
    raise _refuse(f"{name} is not JSON.")


def _object(pairs: list[tuple]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise _refuse(f"The name {twice[:100]!r} stands twice in one object.")
    return found


_decode = json.JSONDecoder(
    parse_float=_float, parse_int=_int, parse_constant=_constant, object_pairs_hook=_object, strict=True
).decode


def _inspect(value: object) -> None:
    """Refuses depth, NUL and lone surrogates anywhere inside. Iterative, so depth cannot exhaust the stack."""
    pending = [(value, 1)]
    while pending:
        inner, depth = pending.pop()
        if isinstance(inner, str):
            if "\x00" in inner:
                raise _refuse("Text must not hold the NUL character.")
            if not inner.isascii():
                try:
                    inner.encode()
                except UnicodeEncodeError:
                    raise _refuse("Text must not hold half a character (a lone surrogate).") from None
        elif isinstance(inner, dict | list):
            if depth > DEEPEST:
                raise _refuse(f"The body is nested more than {DEEPEST} levels deep.")
            if isinstance(inner, dict):
                pending += [(name, depth + 1) for name in inner]
                pending += [(child, depth + 1) for child in inner.values()]
            else:
                pending += [(child, depth + 1) for child in inner]


def loads(body: bytes) -> object:
    """The value of a JSON text. Raises ``InvalidInput`` with code ``invalid_json``, which names what is wrong."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _refuse("The body is not UTF-8.") from None
    try:
        value = _decode(text)
    except json.JSONDecodeError as error:
        raise _refuse(f"The body is not valid JSON (line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise _refuse(f"The body is nested more than {DEEPEST} levels deep.") from None
    if text.count("{") + text.count("[") > DEEPEST or "\\u0000" in text or "\\ud" in text or "\\uD" in text:
        _inspect(value)
    return value


def read(body: bytes, content_type: str) -> object:
    """The JSON of a request. A wrong ``Content-Type`` is forgiven where the body is JSON all the same: people paste
    curl commands without the header. ``content_type`` is lower case and without parameters, or empty.

    Raises ``InvalidInput``, or ``UnsupportedMediaType`` for a body that neither is JSON nor says so.
    """
    try:
        return loads(body)
    except InvalidInput:
        if content_type in ("", "application/json", "text/plain", "text/json") or content_type.endswith("+json"):
            raise
        raise UnsupportedMediaType from None


def _default(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Decimal):
        whole = int(value)
        return whole if whole == value else float(value)
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not travel as JSON")


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_default).encode


def dumps(value: object) -> str:
    """Compact JSON; times in the contract's form, decimals as numbers. Raises ``ValueError`` for NaN and infinity."""
    return _encode(value)


class JSONParser(BaseParser):
    """For DRF's own machinery and the API description; ``ApiView`` reads bodies with ``read``."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        return loads(stream.read())


class JSONRenderer(BaseRenderer):
    """For DRF's own machinery and the API description; ``ApiView`` writes answers with ``dumps``."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return b"" if data is None else dumps(data).encode()
