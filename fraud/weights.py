"""Weights: how much each signal counts, of an app or of one of its campaigns. What a rule set does not name is as built in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from . import rules
from .assessment import CAPS, CERTAIN, HIGHEST


@dataclass(frozen=True, slots=True)
class Weights:
    version: int = 0
    """Of the rule set; 0 is the built-in one."""
    points: Mapping[str, int] = field(default_factory=dict)
    """Signal → its points, of the signals that are on. One that is not here does not speak."""
    caps: Mapping[str, int] = field(default_factory=lambda: CAPS)
    """Family → what it adds at most."""
    shadow: "Weights | None" = None
    """What a rule set in shadow would count: judge by it too, keep its action in ``Score.shadow_action``, do nothing."""

    def of(self, code: str) -> int | None:
        """The points of a signal, or ``None`` where it is off."""
        return self.points.get(code)


@cache
def signals() -> Mapping[str, "rules.Signal"]:
    """Every signal there is, by its code."""
    return {signal.code: signal for signal in rules.SIGNALS}


def is_signal(code: str) -> bool:
    return code in signals()


def may_be_muted(code: str) -> bool:
    """Whether people can silence it: what is certain by definition always speaks."""
    signal = signals().get(code)
    return signal is not None and not (signal.family == CERTAIN and signal.points >= HIGHEST)


@cache
def built_in() -> Weights:
    """As the registry has it: every signal that is on from the start, at its own points."""
    return Weights(0, {code: signal.points for code, signal in signals().items()}, CAPS)


def from_rules(version: int, said: Mapping, shadow: Weights | None = None) -> Weights:
    """The weights that a rule set says: ``{"signals": {code: {"on": bool, "points": int}}, "caps": {family: int}}``."""
    points, known = dict(built_in().points), signals()
    for code, word in (said.get("signals") or {}).items():
        if not word.get("on", True):
            points.pop(code, None)
        elif code in known:
            points[code] = word.get("points", points.get(code, known[code].points))
    return Weights(version, points, CAPS | (said.get("caps") or {}), shadow)
