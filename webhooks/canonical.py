"""The one way a webhook's body is written: byte for byte what JavaScript's ``JSON.stringify(JSON.parse(body))`` gives.

The documented receiver verifies the signature over the *re-serialised* payload, so a body that JavaScript would write
differently (``5.0``, ``1e-05``, ``"2"`` after ``"b"``) would be refused as forged. Rules: ECMA-262, ``SerializeJSONProperty``,
``Number::toString`` and ``OrdinaryOwnPropertyKeys``.
"""

import math
import re
from decimal import Decimal
from json.encoder import encode_basestring

MAX_SAFE_INTEGER = 2**53 - 1
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_LARGEST_INDEX = 2**32 - 2
_SURROGATE = re.compile("[\ud800-\udfff]")


def dumps(value: object) -> bytes:
    """UTF-8 JSON of ``value`` (dict, list, str, int, float, Decimal, bool, None).

    An integer beyond ±(2^53 - 1), or a ``Decimal`` that no double holds, is written as a string: JavaScript would round it.
    Raises ``ValueError`` for NaN and infinity, ``TypeError`` for any other type and for keys that are not text.
    """
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts).encode()


def _write(value: object, put) -> None:
    if isinstance(value, str):
        put(_text(value))
    elif value is None:
        put("null")
    elif value is True:
        put("true")
    elif value is False:
        put("false")
    elif isinstance(value, int):
        put(str(int(value)) if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else f'"{int(value)}"')
    elif isinstance(value, float):
        put(_number(value))
    elif isinstance(value, Decimal):
        put(_decimal(value))
    elif isinstance(value, dict):
        _write_object(value, put)
    elif isinstance(value, list | tuple):
        put("[")
        for index, item in enumerate(value):
            if index:
                put(",")
            _write(item, put)
        put("]")
    else:
        raise TypeError(f"{type(value).__name__} has no place in a webhook's body")


def _write_object(value: dict, put) -> None:
    put("{")
    for index, key in enumerate(_in_order(value)):
        if index:
            put(",")
        put(_text(key))
        put(":")
        _write(value[key], put)
    put("}")


def _in_order(value: dict) -> list[str]:
    """The keys as JavaScript walks them: array indices ascending, then the others as they came."""
    indices = []
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"the key {key!r} of a webhook's body is not text")
        if _INDEX.fullmatch(key) and int(key) <= _LARGEST_INDEX:
            indices.append(key)
    if not indices:
        return list(value)
    known = set(indices)
    return sorted(indices, key=int) + [key for key in value if key not in known]


def _text(value: str) -> str:
    # encode_basestring escapes what JSON.stringify escapes, in the same spelling; only unpaired surrogates differ
    quoted = encode_basestring(value)
    if _SURROGATE.search(quoted):
        paired = quoted.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        return _SURROGATE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", paired)
    return quoted


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("NaN and infinity have no JSON")
    if value == 0:
        return "0"  # also -0.0, which JSON.stringify writes so
    # the shortest digits that read back equal, in both languages; only the notation differs
    digits = float.__repr__(value).removesuffix(".0")
    if 1e-4 <= abs(value) < 1e16 or abs(value) >= 1e21:
        return digits
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = digits.removeprefix("-").partition("e")
    power = int(exponent or 0)
    if power < -6:
        return f"{sign}{mantissa}e{power}"
    mantissa = mantissa.replace(".", "")
    return sign + (mantissa.ljust(power + 1, "0") if power > 0 else f"0.{'0' * (-power - 1)}{mantissa}")


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError("NaN and infinity have no JSON")
    if value == value.to_integral_value():
        whole = int(value)
        return str(whole) if -MAX_SAFE_INTEGER <= whole <= MAX_SAFE_INTEGER else f'"{whole}"'
    near = float(value)
    return _number(near) if math.isfinite(near) and Decimal(repr(near)) == value else f'"{value:f}"'
