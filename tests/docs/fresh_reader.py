"""A fresh reader's path: README, quickstart, first webhook verified. Followed literally, in an installation that ``make run``'s own
command has started, with its workers: nothing is known but what the documents and the console say.

``tests/platform/test_up.py`` has such an installation, and walks this path in it.
"""

import re
import sys
from pathlib import Path

from django.conf import settings

from tests.ports import free_port

from .following import FOLDER, Follower, blocks

README = Path(settings.BASE_DIR) / "README.md"


def walk(said: str, url: str, folder: Path) -> None:
    """Walks it. ``said`` is what the console showed after ``make run``, ``url`` where it runs instead of at port 8000."""
    make = (README.parent / "Makefile").read_text()
    assert re.search(r"^run:.*\n\t@exec \$\(PYTHON\) manage\.py up$", make, re.MULTILINE)
    assert f"Incenta is running at {url}" in said
    live, sandbox = (re.search(rf"inc_{mode}_\w+", said)[0] for mode in ("live", "test"))
    campaign = re.search(r"camp_[0-9a-z]{26}", said)[0]

    # README: a first call, and what follows when a friend has bought something
    calls = [content for _, _, content in blocks(README.read_text()) if content.startswith("curl")]
    reader = Follower(folder, {})
    known = {"http://127.0.0.1:8000": url, "inc_live_…": live, "camp_…": campaign, "curl ": "curl -s "}
    code = ""
    for call in calls:
        for shown, mine in (known | {'"referralCode": "…"': f'"referralCode": "{code}"'}).items():
            call = call.replace(shown, mine)
        reader.shell(call)
        code = reader.last.get("referralCode", code)
    assert len(calls) == 2 and reader.last["rewardCreated"], reader.last

    # the quickstart, with the sandbox's key, as it asks for
    port = free_port()
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(sys.executable)
    instead = {"127.0.0.1:9000": f"127.0.0.1:{port}", '"127.0.0.1", 9000': f'"127.0.0.1", {port}'}
    reader = Follower(folder, {"INCENTA_URL": url, "INCENTA_KEY": sandbox}, instead)
    reader.follow((FOLDER / "quickstart.md").read_text())
    assert reader.ran >= 8
    assert {"CAMPAIGN", "CODE", "REWARD", "WEBHOOK", "WEBHOOK_SECRET"} <= reader.names.keys()
