"""What beat rings while simulated time passes."""

from datetime import datetime


def ring(apps: list, now: datetime) -> int:
    """Does what is due at ``now`` for these apps; answers how many subjects were looked at again."""
    return 0
