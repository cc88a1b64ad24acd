"""One referrer's friends who are ram17@, ram18@ and ram19@ of one provider."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from ..models import KeyKind
from . import Signal


def judge(facts: Facts, points: int) -> Reason | None:
    pattern = facts.of(KeyKind.EMAIL_PATTERN)
    if pattern is None or pattern.accounts < 2:
        return None
    count = pattern.accounts + 1
    message = f"{count} friends of this referrer have addresses that differ only by digits."
    evidence = {"kind": "EMAIL_PATTERN", "key": str(pattern.key), "accounts": count, "users": list(pattern.newest)}
    return EMAIL_PATTERN_FARM.reason(points if count >= 5 else points * 25 // 40, message, evidence)


EMAIL_PATTERN_FARM = Signal(
    code="EMAIL_PATTERN_FARM",
    type="DUPLICATE_ACCOUNT",
    family=IDENTITY,
    points=40,
    needs=("email",),
    judge=judge,
    describe="Three or more friends of one referrer have addresses that differ only by digits.",
)
