"""``.env.example`` is where settings are explained; this makes the page of the documents from it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

EXAMPLE = Path(settings.BASE_DIR) / ".env.example"
DOCUMENT = Path(settings.BASE_DIR) / "docs" / "operate-settings.md"
_TITLE = re.compile(r"# --- (.+?) -+$")
_VARIABLE = re.compile(r"# ([A-Z][A-Z0-9_]*)=(.*)$")
_HEAD = """# Settings

Every variable that Incenta reads from its environment, or from `.env` at the top of the clone; the environment wins. A wrong value
stops the start and says why. What stands behind a name is its default, or an example. Made from `.env.example` by
`manage.py settings_reference --write`; a test holds both against the code.

For the settings that production must have, see [Running Incenta](operate.md#settings-of-production).
"""


@dataclass
class Group:
    title: str
    variables: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, the value shown (a default or an example), and what it does."""


def groups() -> Iterator[Group]:
    """What ``.env.example`` says. Lines of comment explain the variables that follow them."""
    group: Group | None = None
    words: list[str] = []
    for line in [*EXAMPLE.read_text().splitlines(), "# --- the end ---"]:
        if title := _TITLE.match(line):
            if group is not None:
                yield group
            group, words = Group(title[1]), []
        elif group is None:
            continue
        elif variable := _VARIABLE.match(line):
            group.variables.append((variable[1], variable[2], " ".join(words)))
            words = []
        elif line.startswith("# "):
            words.append(line.removeprefix("# ").strip())
        else:
            words = []


def markdown() -> str:
    """The whole page."""
    text = _HEAD
    for group in groups():
        text += f"\n## {group.title[0].upper()}{group.title[1:]}\n\n"
        for name, value, words in group.variables:
            text += f"- `{name}`{f' = `{value}`' if value else ''}: {words}\n"
    return text
