"""What the README shows is run as it stands: its calls by curl against a live server, its make targets against the Makefile."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

README = (Path(settings.BASE_DIR) / "README.md").read_text()
SHELL = re.findall(r"```\n(.*?)```", README, re.DOTALL)


def run(command: str) -> dict:
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


@pytest.mark.django_db(transaction=True)
def test_the_first_calls_work_as_shown(live_server, himal):
    calls = [block for block in SHELL if block.startswith("curl") and "/v1/" in block]
    assert len(calls) >= 2
    campaign, code = himal.campaign(), ""
    for call in calls:
        shown = (
            call.replace("http://127.0.0.1:8000", live_server.url)
            .replace("inc_live_…", himal.secret)
            .replace("camp_…", campaign)
        )
        answer = run(shown.replace('"referralCode": "…"', f'"referralCode": "{code}"').replace("curl ", "curl -s ", 1))
        assert "error" not in answer, (call, answer)
        code = answer.get("referralCode", code)
    assert himal.get("/stats")["totalConversions"] == 1


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (Path(settings.BASE_DIR) / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", README, re.MULTILINE))
    assert named and named <= targets
