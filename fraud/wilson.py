"""Wilson's bounds: between what two shares the true one lies, by what was counted. Pure."""

from math import sqrt
from typing import Final

Z_95: Final = 1.959964


def bounds(hits: int, of: int, z: float = Z_95) -> tuple[float, float]:
    """The shares between which the true one lies in 95 of 100 cases; (0, 1) of nothing."""
    if not of:
        return 0.0, 1.0
    share, square = hits / of, z * z
    middle, spread = share + square / (2 * of), z * sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, (middle - spread) / (1 + square / of)), min(1.0, (middle + spread) / (1 + square / of))
