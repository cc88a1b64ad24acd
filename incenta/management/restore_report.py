"""What the commands about backups tell."""

from collections.abc import Iterator

from .backups import Settled


def lines(settled: Settled) -> Iterator[str]:
    last = f"{settled.last_event_at:%Y-%m-%d %H:%M:%S UTC}" if settled.last_event_at else "never"
    yield f"events      {settled.events:,}, the last of {last}; {settled.undispatched:,} are still to be acted on"
    feed = settled.feed
    if feed.after == feed.before:
        yield f"feed        goes on after {feed.last:,}: the offset {feed.after:,} was high enough"
    else:
        yield f"feed        goes on after {feed.last:,}: the offset was raised from {feed.before:,} to {feed.after:,}"
    wrong = len(settled.drifting)
    yield f"ledgers     {settled.ledgers:,} recounted, " + (f"{wrong:,} DO NOT ADD UP" if wrong else "all ok")
    for app, drift in settled.drifting.items():
        yield f"            {app}: {drift[:3]}"
    for difference in settled.different:
        yield f"DIFFERENCE  {difference}"
