"""The kinds of transfer: each names one source and one target, so that a row is a whole double entry.

AVAILABLE and HELD belong to a wallet. The other buckets are the system's and have no row anywhere: what they hold is the sum
of the transfers that name them, so that nobody waits for anybody else's issuer.
"""

from dataclasses import dataclass

ISSUER, AVAILABLE, HELD = "ISSUER", "AVAILABLE", "HELD"
SPENT, PAID_OUT, EXPIRED, CLEARING = "SPENT", "PAID_OUT", "EXPIRED", "CLEARING"
BUCKETS = (ISSUER, AVAILABLE, HELD, SPENT, PAID_OUT, EXPIRED, CLEARING)

EARN, GRANT, POST, VOID = "EARN", "GRANT", "POST", "VOID"
SPEND, RESERVE, CAPTURE, RELEASE = "SPEND", "RESERVE", "CAPTURE", "RELEASE"
PAYOUT, REVERSE, REFUND, EXPIRE = "PAYOUT", "REVERSE", "REFUND", "EXPIRE"
SETTLE_IN, SETTLE_OUT = "SETTLE_IN", "SETTLE_OUT"

OPEN, POSTED, VOIDED = "OPEN", "POSTED", "VOIDED"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of transfer does to its wallet: ``available`` and ``held`` are -1, 0 or 1 times the amount."""

    name: str
    source: str
    target: str
    available: int
    held: int
    opens_hold: bool = False
    settles: str | None = None
    """The kind of hold that it posts or voids: GRANT or RESERVE."""
    leaves_hold: str = ""
    """The state of a hold that it empties."""
    takes_back: tuple[str, ...] = ()
    """The kinds that it may name in ``reverses``."""
    may_owe: bool = False
    """Whether it may take the available balance below zero, where the asset or the app allows a debt."""


def _kind(name: str, source: str, target: str, **more) -> Kind:
    return Kind(
        name,
        source,
        target,
        (target == AVAILABLE) - (source == AVAILABLE),
        (target == HELD) - (source == HELD),
        **more,
    )


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind(EARN, ISSUER, AVAILABLE),
        _kind(GRANT, ISSUER, HELD, opens_hold=True),
        _kind(POST, HELD, AVAILABLE, settles=GRANT, leaves_hold=POSTED),
        _kind(VOID, HELD, ISSUER, settles=GRANT, leaves_hold=VOIDED),
        _kind(SPEND, AVAILABLE, SPENT),
        _kind(RESERVE, AVAILABLE, HELD, opens_hold=True),
        _kind(CAPTURE, HELD, SPENT, settles=RESERVE, leaves_hold=POSTED),
        _kind(RELEASE, HELD, AVAILABLE, settles=RESERVE, leaves_hold=VOIDED),
        _kind(PAYOUT, AVAILABLE, PAID_OUT),
        _kind(REVERSE, AVAILABLE, ISSUER, takes_back=(EARN, POST, SETTLE_IN), may_owe=True),
        _kind(REFUND, SPENT, AVAILABLE, takes_back=(SPEND, CAPTURE)),
        _kind(EXPIRE, AVAILABLE, EXPIRED),
        _kind(SETTLE_IN, CLEARING, AVAILABLE, takes_back=(SETTLE_OUT,)),
        _kind(SETTLE_OUT, AVAILABLE, CLEARING),
    )
}
