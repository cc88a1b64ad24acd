"""The product with something taken out of it, to see what that costs: ``BENCH_VARIANT`` names what."""

import os
import re

from incenta.wsgi import application  # noqa: F401 - it is served
from incentives import fastpath, plan

BOARD = re.compile(r"board AS \(.*?\n\),\n", re.DOTALL)


def without_boards(statement: str) -> str:
    """The statement without what it writes for ranks."""
    shorter, found = BOARD.subn("", statement)
    assert found == 1, "The statement no longer writes a board delta in a part of its own."
    return shorter


match os.environ.get("BENCH_VARIANT"):
    case "engine":
        fastpath._at_once = lambda *_: None
    case "no boards":
        fastpath._RECORD = without_boards(fastpath._RECORD)
        plan.WRITE = without_boards(plan.WRITE)
