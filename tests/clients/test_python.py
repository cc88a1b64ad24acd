"""A Python client that openapi-python-client generates: it comes out whole, and a programme runs through it."""

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import pytest

from tests.docs.following import blocks

pytestmark = pytest.mark.timeout(600)
RUN = uuid4().hex[:8]
"""So that it runs again against the same product."""
ASHA = f"asha {RUN}"
PACKAGE = "incenta_client"
# ruff tidies what is generated, and stands beside the interpreter
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "clients.md"


@pytest.fixture(scope="module")
def generated(url, tmp_path_factory) -> Iterator[str]:
    """What was said to the document's own commands; the package can be imported."""
    folder = tmp_path_factory.mktemp("python")
    [program] = [content for _, _, content in blocks(DOCUMENT.read_text()) if content.startswith("pip install")]
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", program],
        env=ENVIRONMENT | {"INCENTA_URL": url}, cwd=folder, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    sys.path.insert(0, str(folder))
    try:
        yield run.stdout + run.stderr
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def api(generated, url, product) -> Callable:
    """``api("campaigns.create_campaign", …)`` calls an operation and answers what was parsed; the body may be plain."""
    client = importlib.import_module(PACKAGE).AuthenticatedClient(
        base_url=url, token=product.key, raise_on_unexpected_status=True, timeout=60
    )

    def call(name: str, *path: object, status: int = 200, body: dict | None = None, **more):
        operation = importlib.import_module(f"{PACKAGE}.api.{name}")
        if body is not None:
            word = "".join(part.capitalize() for part in name.rpartition(".")[2].split("_"))
            more["body"] = getattr(importlib.import_module(f"{PACKAGE}.models"), f"{word}Request").from_dict(body)
        answer = operation.sync_detailed(*path, client=client, **more)
        assert answer.status_code == status, (name, answer.status_code, answer.content)
        return answer.parsed

    return call


def test_nothing_of_the_description_is_left_out(generated):
    """The generator skips what it does not understand, and warns."""
    assert "Warning" not in generated and "WARNING" not in generated, generated


def test_every_module_can_be_imported(generated):
    package = importlib.import_module(PACKAGE)
    modules = sorted(Path(package.__file__).parent.rglob("*.py"))
    for module in modules:
        importlib.import_module(".".join([PACKAGE, *module.relative_to(modules[0].parent).with_suffix("").parts]))
    assert len(modules) > 200


def test_a_programme_runs_through_it(api):
    rules = {"name": "Friends", "status": "ACTIVE", "rewardModel": "PERCENTAGE", "rewardValue": 10, "currency": "USD"}
    campaign = api("campaigns.create_campaign", status=201, body=rules)
    assert (campaign.name, campaign.reward_value, campaign.budget) == ("Friends", 10, None)
    referrer = {"campaignId": campaign.id, "referrerId": ASHA}
    code = api("referrals.create_referral", status=201, body=referrer).referral_code
    assert api("referrals.create_referral", body=referrer).referral_code == code
    assert api("clicks.record_click", body={"referralCode": code}).referral_code == code
    order = {"referralCode": code, "refereeId": f"bikram {RUN}", "amount": 49.99, "externalId": f"{RUN}-1"}
    converted = api("conversions.record_conversion", status=201, body=order, idempotency_key=f"{RUN}-1")
    assert (converted.reward_amount, converted.risk_score, converted.status.value) == (5, None, "COMPLETED")
    again = api("conversions.record_conversion", status=201, body=order, idempotency_key=f"{RUN}-1")
    assert again.conversion_id == converted.conversion_id
    refused = api("conversions.record_conversion", status=409, body=order | {"externalId": f"{RUN}-2"})
    assert (refused.code, refused.details["conversionId"]) == ("already_converted", converted.conversion_id)
    reward = api("rewards.get_reward", converted.reward_id)
    assert (reward.amount, reward.currency, reward.status.value) == (5, "USD", "PENDING")
    api("rewards.approve_reward", converted.reward_id, body={})
    shown = api("campaigns.simulate_campaign", campaign.id, body={"rules": {"rewardValue": 20}})
    assert (shown.draft.costs[0].amount, shown.winners.top[0].user_id) == (10, ASHA)


def test_points_run_through_it(api):
    action = {"key": f"signed_up_{RUN}", "name": "Signed up", "type": "STANDARD", "xp": 5, "coins": 20}
    api("incentives.create_incentive_action", status=201, body=action)
    event = {"userId": ASHA, "actionKey": action["key"], "idempotencyKey": f"{RUN}-1"}
    recorded = api("incentives.record_incentive_event", status=201, body=event)
    assert (recorded.awarded.coins, recorded.idempotent_replay, recorded.not_awarded) == (20, False, None)
    assert api("incentives.record_incentive_event", body=event).idempotent_replay is True
    item = api("incentives.create_catalog_item", status=201, body={"name": "Mug", "coinCost": 15, "published": True})
    redeem = {"userId": ASHA, "itemId": item.id}
    assert api("incentives.redeem_item", status=201, body=redeem).balances.coins == 5
    assert api("incentives.redeem_item", status=409, body=redeem).code == "insufficient_balance"
    assert api("incentives.get_balance", ASHA).coins == 5


def test_lists_are_walked_to_their_end(api):
    first = api("conversions.list_conversions", limit=1, cursor="")
    second = api("conversions.list_conversions", limit=1, cursor=first.pagination.next_cursor)
    assert first.conversions[0].id != second.conversions[0].id
    assert api("campaigns.list_campaigns", page=1, limit=1).pagination.total_items >= 1


def test_the_document_shows_what_works(generated, url, product, monkeypatch, capsys):
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.S)
    monkeypatch.setenv("INCENTA_URL", url)
    monkeypatch.setenv("INCENTA_KEY", product.key)
    exec(compile(program, str(DOCUMENT), "exec"), {})
    assert len(capsys.readouterr().out.strip()) >= 6


def test_the_document_names_what_is_installed():
    """The generators that are proven are those that the document tells to install."""
    told = dict(re.findall(r"([\w-]+)(?:==|@)([\d.]+)", DOCUMENT.read_text()))
    packages = json.loads((Path(__file__).parent / "typescript" / "package.json").read_text())
    assert told == {
        "openapi-python-client": version("openapi-python-client"),
        **packages["dependencies"],
        **packages["devDependencies"],
    }
