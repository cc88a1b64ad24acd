"""What the verbs of a reward cost in statements, transaction control included. The count is the noise-free measure."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.referrals.promises import promise

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_claim_a_look_and_a_redemption_are_cheap(himal):
    def cost(act) -> int:
        with CaptureQueriesContext(connection) as sent:
            assert act().status == 200
        return len(sent)

    claimed, cancelled, many = promise(himal), promise(himal), [promise(himal) for _ in range(10)]
    himal.get("/rewards")  # the key is known from here on
    assert cost(lambda: himal.post(f"/rewards/{claimed}/claim")) <= 13
    assert cost(lambda: himal.post(f"/rewards/{claimed}/claim")) <= 6
    code = himal.get(f"/rewards/{claimed}")["discountCode"]
    assert cost(lambda: himal.get(f"/rewards/validate?code={code}")) == 1
    assert cost(lambda: himal.post("/rewards/redeem", {"code": code})) <= 11
    assert cost(lambda: himal.post(f"/rewards/{cancelled}/cancel", {"reason": "x"})) <= 12
    assert cost(lambda: himal.get("/rewards")) == 1
    # ten at once cost what one does, and the budget of each campaign
    assert cost(lambda: himal.post("/rewards/approve", {"ids": many})) <= 9
    assert cost(lambda: himal.post("/rewards/cancel", {"ids": many, "reason": "x"})) <= 11 + len(many)
