"""The body is what JavaScript would write: proven by JavaScript itself."""

import json
import subprocess
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from webhooks import canonical

VERIFIER = """
const lines = require('fs').readFileSync(0, 'utf8').split('\\n')
process.stdout.write(lines.filter((line) => line).map((line) => JSON.stringify(JSON.parse(line))).join('\\n'))
"""


def javascript(node: str, bodies: list[bytes]) -> list[bytes]:
    """``JSON.stringify(JSON.parse(body))`` of each, by Node, in one process."""
    told = subprocess.run([node, "-e", VERIFIER], input=b"\n".join(bodies), capture_output=True, check=True, timeout=60)
    return told.stdout.split(b"\n")


NUMBERS = [
    0, -0.0, 1.0, 5.00, 12.5, 1e3, 1e-5, 1e-6, 1e-7, 1.5e-7, 9.999e-7, 1.23e-6, -1e-4, -1.25e-5, 1e20, 123456789012345680000.0,
    1e21, 1.5e300, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 0.1 + 0.2,
    2**53 - 1, -(2**53 - 1), 2**53, 2**64, -(2**70), 9007199254740993.0,
    Decimal("5.00"), Decimal("12.50"), Decimal("0.1"), Decimal("1E-7"), Decimal("123456789.123456789123456789"),
    Decimal("1E+3"), Decimal(2**60),
]  # fmt: skip
TEXTS = [
    "",
    "é",
    "日本",
    "\u2028\u2029",
    "\x7f",
    "\x00\x01\x1f\b\f\n\r\t",
    '"\\/',
    "<script>",
    "😀",
    "\ud83d\ude00",
    "\ud800",
    "a\udfffb",
    "\udfff\ud800",
]
OBJECTS = [
    {"b": 1, "2": 2, "10": 3, "1": 4, "a": 5},
    {"01": 1, "1": 2, "-1": 3, "1.0": 4, "4294967294": 5, "4294967295": 6, "0": 7, "99999999999": 8},
    {"__proto__": {"1": 1, "0": 0}, "constructor": [], "toString": None},
    {"": {"": {}}, "nested": [{"z": 1, "3": [True, False, None, [], {}]}]},
]


@pytest.mark.node
def test_javascript_writes_known_hard_values_the_same(node):
    bodies = [canonical.dumps({"value": value}) for value in [*NUMBERS, *TEXTS, *OBJECTS]]

    assert javascript(node, bodies) == bodies


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=4)
    | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=6) | st.integers(-3, 2**33).map(str), inner, max_size=6)
    ),
    max_leaves=12,
)


@pytest.mark.node
@settings(max_examples=20, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(values=st.lists(anything, min_size=60, max_size=60))
def test_javascript_writes_any_value_the_same(node, values):
    """Twenty Node processes with sixty bodies each: a process a body would take an hour. Not shrunk, for the same reason."""
    bodies = [canonical.dumps(value) for value in values]
    theirs = javascript(node, bodies)

    assert [pair for pair in zip(values, bodies, theirs, strict=True) if pair[1] != pair[2]] == []


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(anything)
def test_what_was_written_is_written_the_same_again(value):
    written = canonical.dumps(value)

    assert canonical.dumps(json.loads(written, parse_int=float)) == written  # every number a double, as in JavaScript


def test_digits_that_javascript_would_round_travel_as_text():
    assert canonical.dumps([2**53, -(2**53), Decimal("0.1234567890123456789")]) == (
        b'["9007199254740992","-9007199254740992","0.1234567890123456789"]'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity")])
def test_what_json_cannot_say_is_refused(value):
    with pytest.raises(ValueError):
        canonical.dumps({"value": value})


@pytest.mark.parametrize("value", [{1: "a"}, {"at": object()}, b"bytes", {"s": {1, 2}}])
def test_what_is_not_json_is_refused(value):
    with pytest.raises(TypeError):
        canonical.dumps(value)
