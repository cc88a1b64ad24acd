"""What the operator's documents show behind a command, and whether a command says just that: numbers, times and folders apart."""

import re
from pathlib import Path

from django.conf import settings

DOCS = Path(settings.BASE_DIR) / "docs"


def output_of(document: str, command: str) -> str:
    """What stands behind ``$ python manage.py {command}`` up to the next command. Raises ``KeyError`` where nothing does."""
    text = (DOCS / document).read_text()
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE):
            said, _, output = part.partition("\n")
            if said.split("   ")[0].strip().endswith(f"manage.py {command}") and output.strip():
                return output
    raise KeyError(f"{document} shows nothing behind manage.py {command}")


def plain(text: str) -> list[str]:
    """Its lines, in which every number, time and path is the same."""
    found = []
    for line in text.strip().splitlines():
        line = re.sub(r"/\S+\.dump\b", "FILE", line.strip())
        found.append(re.sub(r"\s+", " ", re.sub(r"\d[\d,.:-]*", "#", line)))
    return found
