"""What is true, sealed from whoever judges: who is a cheat, of which scenario, how careful, and of which ring."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

LEVELS = ("L0", "L1", "L2", "L3")
"""A cheat is careless; waits and varies his amounts; changes addresses too; changes devices too."""


@dataclass(frozen=True, slots=True)
class Label:
    """Of one conversion, or of one user who earns points."""

    scenario: str
    """``F1`` … ``F11`` or ``L0`` … ``L9`` (``L0`` is everybody else; not to be taken for a level)."""
    is_fraud: bool
    level: str = ""
    """Of a cheat: ``L0`` … ``L3``."""
    ring: str = ""
    """Which gang, office, family or audience."""
    cohort: str = ""
    """For the table: the scenario's name in words."""
    attempt: int = 0
    """Of those who refund: the first, the second …"""


@dataclass
class Truth:
    conversions: dict[int, Label] = field(default_factory=dict)
    """By the number of the call."""
    users: dict[tuple[int, str], Label] = field(default_factory=dict)
    """By (merchant, user): of those who earn points by events."""
    started: dict[tuple[int, str], datetime] = field(default_factory=dict)
    """When such a user began."""
    codes: dict[int, Label] = field(default_factory=dict)
    """By the number of the call that made it: codes that are leaked, or an influencer's."""
    leaked: dict[int, datetime] = field(default_factory=dict)
    """When the code appeared on the coupon site."""
    hands: dict[int, Label] = field(default_factory=dict)
    """Those who guess codes."""

    def counts(self) -> Counter:
        """(scenario, level) → conversions."""
        return Counter((label.scenario, label.level) for label in self.conversions.values())
