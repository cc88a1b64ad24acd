"""The registry of signals. One file a signal, each a pure function of the facts: a reason, or ``None``."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from ..assessment import Reason
from ..facts import Facts

REQUEST: Final = "REQUEST"
"""Judged in the request and at every later look."""
LATER: Final = "LATER"
"""Judged only by the second pass, which alone has its facts."""


@dataclass(frozen=True, slots=True)
class Signal:
    code: str
    type: str
    """What clients are told (contract, section 8)."""
    family: str
    points: int
    """At its strongest; weaker findings get their share. 0: silent until a merchant gives it points."""
    needs: tuple[str, ...]
    """What of ``Facts.sent`` it cannot do without."""
    judge: Callable[[Facts, int], Reason | None]
    describe: str
    """One sentence for the page of rules."""
    stage: str = REQUEST

    def reason(self, points: int, message: str, evidence: dict | None = None, *, silenced: str = "") -> Reason:
        """What it says. ``silenced``: why it adds nothing although it is so."""
        return Reason(
            self.type,
            0 if silenced else points,
            message,
            evidence or {},
            code=self.code,
            family=self.family,
            silenced=silenced,
        )


def _gather() -> list[Signal]:
    found = []
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        for each in vars(import_module(f"{__name__}.{module.name}")).values():
            if isinstance(each, Signal) and each not in found:
                found.append(each)
    return found


SIGNALS: Final[list[Signal]] = []
"""Every signal there is: what the files of this folder name, in the order of their codes."""


def load() -> None:
    """Fills ``SIGNALS`` once all of this module is known to the files that it reads."""
    if not SIGNALS:
        SIGNALS.extend(sorted(_gather(), key=lambda signal: signal.code))
        assert len({signal.code for signal in SIGNALS}) == len(SIGNALS), "two signals have one code"


def signal_of(code: str) -> Signal | None:
    return next((signal for signal in SIGNALS if signal.code == code), None)


load()
