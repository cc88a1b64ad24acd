"""What looking costs in statements: two where there is something to look at, one more where it is held, none where nothing is known."""

import pytest

from tests.fraud.people import friend_of, number, person
from tests.test_cost import CLICK, CONVERSION, REFERRAL, statements_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def code(himal) -> str:
    himal.post("/webhooks", {"url": "https://hooks.himal.example/incenta", "events": ["*"]})
    code = himal.code(himal.campaign(), "asha", context=person("asha"))
    for _ in range(3):
        assert friend_of(himal, code, f"friend {next(number)}").status == 201
        himal.post("/clicks", {"referralCode": code, "refereeId": f"friend {next(number)}", "context": person("x")})
    return code


def test_conversions(himal, code):
    def converts(status="COMPLETED", **context):
        made = friend_of(himal, code, f"friend {next(number)}", **context)
        assert made["status"] == status, made

    clean = statements_of(converts)
    assert len(clean) <= CONVERSION + 2, "\n".join(clean)
    bare = statements_of(lambda: himal.convert(code, f"friend {next(number)}"))
    assert len(clean) - len(bare) == 2, "\n".join(bare)
    agent = {"userAgent": "python-requests/2.32", "ip": "127.0.0.1"}
    nobody = statements_of(lambda: himal.convert(code, f"friend {next(number)}", context=agent))
    assert len(nobody) == len(bare), "\n".join(nobody)  # nothing of it is an end user's
    for _ in range(6):
        friend_of(himal, code, f"friend {next(number)}", deviceId="tablet")
    held = statements_of(lambda: converts("FLAGGED", deviceId="tablet"))
    assert len(held) == len(clean) + 1, "\n".join(held)


def test_a_friend_who_is_known_from_his_click_costs_the_same(himal, code):
    himal.post("/clicks", {"referralCode": code, "refereeId": "bikram", "context": person("bikram")})
    sent = statements_of(lambda: himal.convert(code, "bikram"))
    assert len(sent) <= CONVERSION + 2, "\n".join(sent)


def test_clicks_and_referrals(himal, code):
    himal.code(himal.campaign(), "tara", context=person("tara"))
    campaign = himal.campaign()
    himal.code(campaign, "uma", context=person("uma"))
    sent = statements_of(
        lambda: himal.post("/clicks", {"referralCode": code, "refereeId": "vera", "context": person("vera")})
    )
    assert len(sent) <= CLICK, "\n".join(sent)
    sent = statements_of(lambda: himal.code(campaign, "wanda", context=person("wanda")))
    assert len(sent) <= REFERRAL + 2, "\n".join(sent)
    sent = statements_of(lambda: himal.code(campaign, "wanda", context=person("wanda")))
    assert len(sent) <= 5, "\n".join(sent)
