"""An assessment: named reasons with points, whose sum is the risk score. Clean means no reason at all."""

from dataclasses import dataclass, field

HIGHEST = 100


@dataclass(frozen=True, slots=True)
class Reason:
    """One signal that spoke: its type of contract section 8, what it adds, and the sentence an analyst reads."""

    type: str
    points: int
    message: str
    evidence: dict = field(default_factory=dict)

    def face(self) -> dict:
        return {"type": self.type, "points": self.points, "message": self.message}


@dataclass(frozen=True, slots=True)
class Assessment:
    reasons: tuple[Reason, ...] = ()

    @property
    def score(self) -> int | None:
        """0 to 100, or ``None`` where nothing spoke."""
        return min(HIGHEST, sum(reason.points for reason in self.reasons)) if self.reasons else None

    @property
    def warning(self) -> str | None:
        """The strongest reason in a sentence."""
        return max(self.reasons, key=lambda reason: reason.points).message if self.reasons else None

    def faces(self) -> list[dict] | None:
        return [reason.face() for reason in self.reasons] or None

    @property
    def is_certain(self) -> bool:
        """Certain by definition, so held at any risk mode."""
        return any(reason.points >= HIGHEST for reason in self.reasons)


CLEAN = Assessment()
