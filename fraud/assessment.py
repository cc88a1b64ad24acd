"""An assessment: named reasons with points in families, whose capped sum is the risk score. Clean means no reason at all.

Inside identity and network the reasons speak of the same evidence: the strongest counts in full and the rest for a quarter.
Elsewhere they add up. Each family has a cap; the families add up to at most 100.
"""

from dataclasses import dataclass, field
from typing import Final

HIGHEST: Final = 100

IDENTITY, NETWORK, TIMING, VALUE, COINS, GRAPH = "IDENTITY", "NETWORK", "TIMING", "VALUE", "COINS", "GRAPH"
CERTAIN: Final = "CERTAIN"
"""No family: what is so by definition, or what a person said. Never capped, never weakened by trust."""

CAPS: Final = {IDENTITY: 60, NETWORK: 30, TIMING: 35, VALUE: 30, COINS: 50, GRAPH: 60, CERTAIN: HIGHEST}
"""The built-in caps; a rule set may name others."""
OVERLAPPING: Final = frozenset({IDENTITY, NETWORK})
SHARE_OF_THE_REST: Final = 4


@dataclass(frozen=True, slots=True)
class Reason:
    """One signal that spoke: its type of contract section 8, what it adds, and the sentence an analyst reads."""

    type: str
    points: int
    """After weights. Zero where it is muted or a hub silences it: shown, and adds nothing. Below zero: trust."""
    message: str
    evidence: dict = field(default_factory=dict)
    code: str = ""
    """The signal: ``DEVICE_SHARED``."""
    family: str = CERTAIN
    silenced: str = ""
    """Why it adds nothing: ``hub``, ``household``, ``usual`` (here everybody does it), ``no_context`` (nothing is known of the end
    user), ``missing``, ``muted``, ``allowed``."""

    def face(self) -> dict:
        """As merchants' programs are shown it."""
        return {"type": self.type, "points": self.points, "message": self.message}


@dataclass(frozen=True, slots=True)
class Assessment:
    reasons: tuple[Reason, ...] = ()
    caps: dict[str, int] = field(default_factory=lambda: CAPS)
    coverage: tuple[str, ...] = ()
    """The families that could be judged by what was sent."""
    is_degraded: bool = False
    """The look at the evidence was cut short: look again soon."""

    @property
    def spoken(self) -> tuple[Reason, ...]:
        """The reasons that add to the score, strongest first."""
        return tuple(sorted((r for r in self.reasons if r.points > 0), key=lambda r: -r.points))

    def families(self) -> dict[str, int]:
        """Family → its capped points, of those that have any."""
        by_family: dict[str, list[int]] = {}
        for reason in self.spoken:
            by_family.setdefault(reason.family, []).append(reason.points)
        found = {}
        for family, points in by_family.items():
            total = points[0] + sum(points[1:]) // SHARE_OF_THE_REST if family in OVERLAPPING else sum(points)
            found[family] = min(self.caps.get(family, HIGHEST), total)
        return found

    @property
    def score(self) -> int | None:
        """0 to 100, or ``None`` where nothing spoke."""
        if not self.spoken:
            return None
        trust = 0 if self.is_certain else sum(reason.points for reason in self.reasons if reason.points < 0)
        return max(0, min(HIGHEST, sum(self.families().values()) + trust))

    @property
    def warning(self) -> str | None:
        """The strongest reason in a sentence."""
        return self.spoken[0].message if self.spoken else None

    def faces(self) -> list[dict] | None:
        return [reason.face() for reason in self.spoken] or None

    @property
    def is_certain(self) -> bool:
        """Certain by definition, so held at any risk mode."""
        return any(reason.family == CERTAIN and reason.points >= HIGHEST for reason in self.reasons)


CLEAN = Assessment()
