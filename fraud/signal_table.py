"""The signals as a table, for the documents: made of the registry, so that neither is ever ahead of the other."""

from pathlib import Path
from typing import Final

from django.conf import settings

from .assessment import CAPS, CERTAIN
from .models import FlagType
from .rules import LATER
from .weights import signals

DOCUMENT: Final = Path(settings.BASE_DIR) / "docs" / "fraud.md"
BEGIN, END = "<!-- signals: made by manage.py fraud_signals -->", "<!-- end of signals -->"
FAMILIES: Final = {
    "CERTAIN": ("Certain by definition", "never weakened, held at any risk mode"),
    "IDENTITY": ("Identity", "what two accounts share; the strongest in full, the rest for a quarter"),
    "NETWORK": ("Network", "addresses, weak by nature; the strongest in full, the rest for a quarter"),
    "TIMING": ("Timing and speed", "added up"),
    "VALUE": ("Value and lifecycle", "added up"),
    "COINS": ("Coins and codes", "added up"),
    "GRAPH": ("Links between accounts", "added up, by later looks"),
}


def markdown() -> str:
    """A table a family: what each signal means, its points at most, what it needs, and the type that clients are told."""
    parts = []
    for family, (name, note) in FAMILIES.items():
        found = sorted((signal for signal in signals().values() if signal.family == family), key=lambda one: one.code)
        if not found:
            continue
        cap = "" if family == CERTAIN else f", at most {CAPS[family]} points"
        lines = [f"### {name}", "", f"{note[0].upper()}{note[1:]}{cap}.", ""]
        lines += ["| signal | what it means | points | needs | told as |", "| --- | --- | --- | --- | --- |"]
        for signal in found:
            points = str(signal.points)
            later = " (later looks)" if signal.stage == LATER else ""
            needs = ", ".join(signal.needs) or "–"
            lines.append(
                f"| `{signal.code}` | {signal.describe}{later} | {points} | {needs} | {FlagType(signal.type).value} |"
            )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def put_into(text: str) -> str:
    """A document with the table as it stands now between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{markdown()}\n\n{END}{after}"
