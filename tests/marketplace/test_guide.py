"""What docs/marketplace.md shows is run as it stands, by curl against a live server, in the order in which it is told."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from marketplace import profiles
from tests.cast import Caller, caller, merchant
from tests.marketplace.stalls import books_are_right

GUIDE = (Path(settings.BASE_DIR) / "docs" / "marketplace.md").read_text()
CALLS = [block for block in re.findall(r"```\n(.*?)```", GUIDE, re.DOTALL) if block.startswith("curl")]


def run(call: str, known: dict[str, str]) -> str:
    told = call.replace("curl ", "curl -s ", 1)
    done = subprocess.run(
        ["bash", "-c", told], capture_output=True, text=True, timeout=60, check=True, env=os.environ | known
    )
    return done.stdout


@pytest.mark.django_db(transaction=True)
def test_the_guide_works_as_shown(live_server):
    app, cafe = (merchant(name).apps.get(sandbox_of=None) for name in ("himal", "mitra"))
    issuer = caller(app)
    give(issuer, 1_000)
    known = {"APP_KEY": issuer.secret, "BUSINESS_KEY": caller(cafe).secret, "TILL_KEY": caller(cafe, "pos").secret}
    answers = []
    for call in CALLS:
        missing = set(re.findall(r"\$(\w+)", call)) - known.keys()
        assert not missing, (call, missing)
        shown = call.replace("http://127.0.0.1:8000", live_server.url)
        if "/redemptions/$" in call:  # the one above is fulfilled: this one is another
            sent = {"listingId": known["LISTING"], "userId": "user-1"}
            known["REDEMPTION"] = issuer.post("/incentives/marketplace/redeem", sent)["redemptionId"]
        told = run(shown, known)
        if "format=csv" in call:
            assert told.startswith("\ufeffentryId,")
            continue
        answer = json.loads(told)
        assert "code" not in answer or "error" not in answer, (call, answer)
        answers.append(answer)
        if "/profile" in call:
            profiles.verify(answer["id"])
        elif answer.get("coinRate"):
            known["LISTING"] = answer["id"]
        elif "discountCode" in answer and "redemptionId" in answer:
            known |= {"CODE": answer["discountCode"], "REDEMPTION": answer["redemptionId"]}
    assert len(answers) == len(CALLS) - 1 == 9
    assert [answer["success"] for answer in answers if "success" in answer] == [True]
    assert [answer["valid"] for answer in answers if "valid" in answer] == [True]
    assert any(answer.get("status") == "CANCELLED" for answer in answers)
    books_are_right(app, cafe)


def give(issuer: Caller, coins: int) -> None:
    sent = {"userId": "user-1", "coins": coins, "reason": "Thanks"}
    assert issuer.post("/incentives/adjustments", sent).status == 201


def test_every_address_and_refusal_of_the_guide_exists():
    from tests.test_isolation import api_calls

    known = {route.route.removeprefix("v1/incentives/marketplace/").split("/")[0] for _, _, route in api_calls()}
    named = {
        path.split("/")[0].split("?")[0] for path in re.findall(r"(?:…|/v1/incentives/marketplace)/([a-z?/]+)", GUIDE)
    }
    assert named and named <= known, named - known
    source = "".join(file.read_text() for file in (Path(settings.BASE_DIR) / "marketplace").rglob("*.py"))
    codes = set(re.findall(r"`((?:listing|redemption|marketplace|business|settlement)_[a-z_]+)`", GUIDE))
    assert codes and all(f'"{code}"' in source or code.startswith("settlement_") for code in codes), codes
