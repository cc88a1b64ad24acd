"""The end user's user agent is a program's. The merchant's own, filled in by his server, does not count."""

from ..assessment import NETWORK, Reason
from ..facts import Facts
from . import Signal

KINDS = {
    "headless": "a browser without a screen",
    "bot": "a robot",
    "library": "a programming library",
}


def judge(facts: Facts, points: int) -> Reason | None:
    kind = KINDS.get(facts.agent)
    if kind is None:
        return None
    share = 20 if facts.agent == "library" else 25
    return UA_BOT.reason(points * share // 25, f"The end user's user agent is that of {kind}.", {"agent": facts.agent})


UA_BOT = Signal(
    code="UA_BOT",
    type="SUSPICIOUS_PATTERN",
    family=NETWORK,
    points=25,
    needs=("userAgent",),
    judge=judge,
    describe="The end user's user agent is that of a program without a person.",
)
