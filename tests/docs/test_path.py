"""A fresh reader's path: README, quickstart, first webhook verified. Followed literally, in an installation that ``make run``'s own
command has started, with its workers: nothing is known but what the documents and the console say."""

import re
import socket
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.platform.test_up import Installation

from .following import FOLDER, Follower, blocks

README = Path(settings.BASE_DIR) / "README.md"
pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def installation(tmp_path):
    """What ``make run`` starts: its command is one line of the Makefile."""
    assert re.search(r"^run:.*\n\t@exec \$\(PYTHON\) manage\.py up$", (README.parent / "Makefile").read_text(), re.M)
    installation = Installation(tmp_path / "data", free_port())
    installation.environment["INCENTA_ALLOW_PRIVATE_WEBHOOKS"] = "true"  # as the .env that make writes
    installation.start()
    yield installation
    installation.supervisor.terminate()
    installation.supervisor.wait(90)
    installation.cluster.stop()


def test_a_fresh_reader_comes_to_a_verified_webhook(installation, tmp_path):
    said = installation.words()
    live, sandbox = (re.search(rf"inc_{mode}_\S+", said)[0] for mode in ("live", "test"))
    campaign = re.search(r"camp_[0-9a-z]{26}", said)[0]
    assert f"Incenta is running at {installation.url}" in said

    # README: a first call, and what follows when a friend has bought something
    calls = [content for language, _, content in blocks(README.read_text()) if content.startswith("curl")]
    reader = Follower(tmp_path, {}, {"http://127.0.0.1:8000": installation.url, "inc_live_…": live, "camp_…": campaign})
    code = ""
    for call in calls:
        for mine, theirs in {**reader.instead, '"referralCode": "…"': f'"referralCode": "{code}"'}.items():
            call = call.replace(mine, theirs)
        reader.shell(call.replace("curl ", "curl -s ", 1))
        code = reader.last.get("referralCode", code)
    assert len(calls) == 2 and reader.last["rewardCreated"]

    # the quickstart, with the sandbox's key, as it asks for
    port = free_port()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    known = {"INCENTA_URL": installation.url, "INCENTA_KEY": sandbox}
    reader = Follower(
        tmp_path, known, {"127.0.0.1:9000": f"127.0.0.1:{port}", '"127.0.0.1", 9000': f'"127.0.0.1", {port}'}
    )
    reader.follow((FOLDER / "quickstart.md").read_text())
    assert reader.ran >= 8 and {"CAMPAIGN", "CODE", "REWARD", "WEBHOOK", "WEBHOOK_SECRET"} <= reader.names.keys()
