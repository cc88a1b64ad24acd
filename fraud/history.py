"""What the conversions of one referrer, and of a whole campaign, tell. Pure."""

import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from .facts import History, Past, Usual

ALIKE: Final = 0.05
"""Amounts this near to each other are alike."""
HOUR: Final = 3600.0
DAY: Final = 86_400.0
MOST_GAPS: Final = 19
LEAST_GAPS: Final = 8
"""The newest so many show a rhythm that has just begun."""


def of(
    past: Sequence[Past], *, at: datetime, amount_minor: int | None, referee_id: str, usual: Usual | None
) -> History:
    """Of a referrer: his earlier conversions, newest first, and the one that is looked at."""
    now = at.timestamp()
    # what comes after the moment that is looked at is not its history, in an import that goes through the past
    earlier = [each for each in past if each.time <= now]
    times = sorted([now, *(each.time for each in earlier)], reverse=True)
    gaps = [times[place] - times[place + 1] for place in range(min(len(times) - 1, MOST_GAPS))]
    lowest = usual.lowest_minor if usual else None
    last_five = [amount_minor, *(each.amount_minor for each in earlier[:4])]
    z, usual_hour = _rate(times)
    today = [time for time in times if now - time <= DAY]
    return History(
        seen=len(times),
        last_hour=sum(now - time <= HOUR for time in times),
        usual_hour=usual_hour,
        rate_z=z,
        lookalikes=_lookalikes(earlier, now, amount_minor),
        gaps=len(gaps),
        gap_variation=_variation(gaps[:LEAST_GAPS]),
        equal_gaps=_equal_share(gaps),
        consecutive=_run_through(referee_id, [each.referee_id for each in earlier]),
        at_once=1 + sum(now - each.time <= 60 for each in earlier),
        near_lowest=sum(is_near_lowest(amount, lowest) for amount in last_five),
        last_day=len(today),
        silent_days=(today[-1] - times[len(today)]) / DAY if len(today) < len(times) else 0.0,
    )


def is_near_lowest(amount_minor: int | None, lowest_minor: int | None) -> bool:
    return (
        amount_minor is not None and bool(lowest_minor) and lowest_minor <= amount_minor <= lowest_minor * (1 + ALIKE)
    )


def _lookalikes(earlier: Sequence[Past], now: float, amount_minor: int | None) -> int:
    if not amount_minor:
        return 0
    return sum(
        now - each.time <= HOUR
        and each.amount_minor is not None
        and abs(each.amount_minor - amount_minor) <= ALIKE * amount_minor
        for each in earlier
    )


LEAST_HOURS: Final = 8


def _rate(times: Sequence[float]) -> tuple[float, float]:
    """(robust deviations of the last hour from the hours with something in them before, their median). Absolute numbers say
    nothing: who has brought fifty an hour for weeks brings fifty."""
    now = times[0]
    last = sum(now - time <= HOUR for time in times)
    before = Counter(int((now - time) // HOUR) for time in times if now - time > HOUR)
    if len(before) < LEAST_HOURS:
        return 0.0, 0.0
    counts = list(before.values())
    middle = statistics.median(counts)
    spread = statistics.median(abs(count - middle) for count in counts) * 1.4826
    return (last - middle) / max(spread, 1.0, middle**0.5), float(middle)


def _variation(gaps: Sequence[float]) -> float | None:
    """The coefficient of variation; of what comes in one batch there is none, however steadily a machine sends it."""
    mean = statistics.fmean(gaps) if gaps else 0
    return statistics.pstdev(gaps) / mean if mean >= 1 else None


def _equal_share(gaps: Sequence[float]) -> float:
    """The share of the commonest gap, to the second; gaps of none at all are one batch and no rhythm."""
    rounded = [round(gap) for gap in gaps if gap >= 1]
    return max(Counter(rounded).values()) / len(gaps) if rounded else 0.0


# --- ids that count up -----------------------------------------------------------------------------------------------
def number_in(user_id: str) -> tuple[str, int] | None:
    """``("user-", 41)`` of ``user-41``; ``None`` where no number ends it."""
    digits = len(user_id) - len(user_id.rstrip("0123456789"))
    if not digits or digits > 18 or not user_id[-digits:].isascii():
        return None
    return user_id[:-digits], int(user_id[-digits:])


def _run_through(referee_id: str, others: Sequence[str]) -> int:
    """How long the run of consecutive ids is that this friend's id is in."""
    mine = number_in(referee_id)
    if mine is None:
        return 1
    stem, number = mine
    known = {found[1] for other in others if (found := number_in(other)) and found[0] == stem}
    below = above = 0
    while number - below - 1 in known:
        below += 1
    while number + above + 1 in known:
        above += 1
    return 1 + below + above


# --- the campaign ----------------------------------------------------------------------------------------------------
def usual_of(
    rows: Sequence[tuple[str, str, float, int | None, float | None]], all_rows: Sequence[tuple] | None = None
) -> Usual:
    """Of a campaign's last conversions: (referrer, friend, seconds since 1970, amount, seconds from the friend's click).
    ``all_rows``: where ``rows`` are a sample with few of each referrer's."""
    if not rows:
        return Usual()
    seen = len(rows)
    amounts = sorted(amount for _, _, _, amount, _ in rows if amount is not None)
    numbers = Counter(found for _, friend, *_ in rows if (found := number_in(friend)))
    neighbours = sum((stem, number + 1) in numbers or (stem, number - 1) in numbers for stem, number in numbers)
    times = sorted(time for _, _, time, *_ in rows)
    hours = Counter((referrer, int(time // HOUR)) for referrer, _, time, *_ in all_rows or rows)
    busiest: dict[str, int] = {}
    for (referrer, _), count in hours.items():
        busiest[referrer] = max(count, busiest.get(referrer, 0))
    return Usual(
        seen=seen,
        referrers=len({referrer for referrer, *_ in rows}),
        with_click=sum(since is not None for *_, since in rows) / seen,
        instant=sum(since is not None and since < 10 for *_, since in rows) / seen,
        top_amount=Counter(amounts).most_common(1)[0][1] / len(amounts) if amounts else 0.0,
        lowest_minor=amounts[0] if amounts else None,
        near_lowest=sum(is_near_lowest(amount, amounts[0]) for amount in amounts) / len(amounts) if amounts else 0.0,
        p99_minor=amounts[min(len(amounts) - 1, int(len(amounts) * 0.99))] if amounts else None,
        consecutive=neighbours / seen,
        equal_gaps=_equal_share([later - sooner for sooner, later in pairwise(times)]),
        busiest_hour=sorted([0, 0, *busiest.values()])[-2],
    )
