"""Forged and absurd contexts are data to judge, or a 400; never a crash."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraud import context, keys
from incenta.accounts.models import App
from tests.fraud.people import person

pytestmark = pytest.mark.django_db
NAMES = [
    "ip",
    "userAgent",
    "acceptLanguage",
    "deviceId",
    "email",
    "phone",
    "country",
    "sessionId",
    "paymentFingerprint",
    "landingUrl",
]
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=300),
    st.lists(st.text(max_size=5), max_size=3),
    st.ip_addresses().map(str),
    st.emails(),
    st.sampled_from(
        [
            "",
            " ",
            "\x00",
            "::ffff:10.0.0.1",
            "1.2.3.4%eth0",
            "NP",
            "http://[",
            "?a=" + "&b=" * 500,
            "+" * 40,
            "@",
            "a@",
            "@b",
            "\u202e",
            "\U0001f9ff" * 60,
            "ﬁ@ﬁ.ﬁ",
            "x@" + "é" * 60 + ".example",
            "²³¹²³¹²³",
            "1" * 255,
        ]
    ),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.dictionaries(st.sampled_from([*NAMES, "other"]), anything, max_size=10))
def test_any_context_is_taken_or_refused(himal, sent):
    if not hasattr(himal, "known"):
        himal.known = himal.code(himal.campaign(), "asha"), iter(range(10_000))
    code, numbers = himal.known
    body = {"referralCode": code, "refereeId": f"friend {next(numbers)}", "amount": 5, "context": sent}
    made = himal.post("/conversions", json.dumps(body).encode())
    assert made.status in (201, 400), (sent, made)
    if made.status == 201:
        assert himal.get(f"/conversions/{made['conversionId']}").status == 200


@settings(max_examples=300, deadline=None)
@given(sent=st.dictionaries(st.sampled_from(NAMES), st.text(max_size=300), max_size=10), caller=st.text(max_size=40))
def test_reading_a_context_never_raises(sent, caller):
    seen = context.of(sent, caller=caller, caller_agent=caller)
    keys.shown(seen)
    keys.of(App(id="app_1"), seen, referrer_id="asha")
    keys.companion(App(id="app_1"), seen)


@settings(max_examples=200, deadline=None)
@given(header=st.text(max_size=500), caller=st.text(max_size=40), behind=st.booleans())
def test_reading_hops_never_raises(header, caller, behind):
    found = context.forwarded_ip(header, caller=caller, behind_proxy=behind)
    assert found is None or context.read_address(found) is not None


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"userAgent": "x" * 1_100_000}, 413),
        ({"userAgent": "x" * 500_000}, 400),
        ({"ip": "999.1.1.1"}, 400),
        ({"ip": "10.0.0.1"}, 201),
        ({"ip": "81.2.3.4, 10.0.0.1"}, 400),
        ({"deviceId": "\x00"}, 400),
        ({"landingUrl": "not an address at all"}, 201),
        ({"email": "no address"}, 400),
        ({"device": "x"}, 400),
        ([], 400),
        ("x", 400),
        (None, 201),
    ],
)
def test_absurd_contexts(himal, sent, status):
    code = himal.code(himal.campaign(), "asha")
    made = himal.post("/conversions", {"referralCode": code, "refereeId": "bikram", "amount": 5, "context": sent})
    assert made.status == status, made
    assert himal.app.conversions.count() == (status == 201)


def test_two_hundred_forwarded_hops(himal):
    App.objects.filter(pk=himal.app.pk).update(trusts_forwarded_for=True)
    himal.app.refresh_from_db()
    himal.app.save()
    code = himal.code(himal.campaign(), "asha")
    for header in (
        ", ".join(f"81.2.3.{n}" for n in range(200)),
        ", ".join(["10.0.0.1"] * 200),
        "é" * 3000,
        ",,,,",
        "81.2.3.4" * 200,
    ):
        made = himal.post(
            "/clicks",
            {"referralCode": code, "refereeId": "bikram", "context": person("b", ip=None)},
            x_forwarded_for=header,
        )
        assert made.status == 200, (header[:50], made)
