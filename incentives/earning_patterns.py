"""How somebody earns, in numbers, for the signals of coins. Pure.

People earn in fits and starts; a program earns the second that it may, and all that there is, day after day. What is wanted once a day
(a check-in, a streak) is left out: whoever does it daily does what he was asked to.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

NEAR = 5.0
"""Seconds after the cooldown that only a program hits time and again."""
CLOSE = 0.05
"""As a part of the cooldown: a program that waits a little."""
LEAST_GAPS, LEAST_CLOSE_GAPS = 10, 20
FULL = 0.9
LEAST_FULL_DAYS = 5
LEAST_A_DAY = 4
"""Rewards a day below which nothing is said of a limit: small limits are reached by whoever likes the thing."""
A_DAY = timedelta(days=1)
ONCE_A_DAY = timedelta(hours=18)
WINDOW = 600.0


@dataclass(frozen=True, slots=True)
class Done:
    """One event."""

    at: float
    """Seconds since 1970."""
    day: str
    is_rewarded: bool
    key: str | None
    payload: str
    """A digest of what was told with it."""


@dataclass(frozen=True, slots=True)
class Earning:
    """What one user did of one action lately, oldest first."""

    action_key: str
    cooldown: timedelta | None
    max_per_day: int | None
    done: Sequence[Done]
    usual_burst: float = 0.0
    """How many keys in ten minutes others use for it, at their most."""

    @property
    def is_once_a_day(self) -> bool:
        return self.max_per_day == 1 or (self.cooldown is not None and self.cooldown >= ONCE_A_DAY)

    @property
    def most_a_day(self) -> int | None:
        """As many rewards as its limits allow in a day."""
        by_cooldown = None if not self.cooldown else int(A_DAY / self.cooldown)
        limits = [limit for limit in (self.max_per_day, by_cooldown) if limit is not None]
        return min(limits) if limits else None


def of(earnings: Sequence[Earning]) -> dict[str, Any]:
    """Names → numbers and words, of what is there, with the actions it speaks of and since when."""
    found: dict[str, Any] = {}
    concerned: dict[str, float] = {}
    for earning in earnings:
        if earning.is_once_a_day:
            continue
        _near(found, earning, concerned)
    _full(found, [earning for earning in earnings if not earning.is_once_a_day], concerned)
    _spray(found, earnings, concerned)
    if concerned:
        found["coin_actions"] = sorted(concerned)
        found["coin_since"] = datetime.fromtimestamp(min(concerned.values()), UTC).isoformat()
    return found


def _near(found: dict[str, Any], earning: Earning, concerned: dict[str, float]) -> None:
    if not earning.cooldown:
        return
    cooldown = earning.cooldown.total_seconds()
    times = [done.at for done in earning.done if done.is_rewarded]
    over = [later - sooner - cooldown for sooner, later in pairwise(times)]
    gaps = [each for each in over if each >= -1]
    if len(gaps) < LEAST_GAPS:
        return
    near = sum(each < NEAR for each in gaps) / len(gaps)
    close = sum(each < max(NEAR, CLOSE * cooldown) for each in gaps) / len(gaps)
    if near >= 0.6 and near > found.get("coin_near", 0):
        found |= {"coin_near": near, "coin_near_gaps": len(gaps), "coin_near_action": earning.action_key}
        concerned[earning.action_key] = times[0]
    if len(gaps) >= LEAST_CLOSE_GAPS and close >= 0.8 and close > found.get("coin_close", 0):
        found |= {"coin_close": close, "coin_close_gaps": len(gaps), "coin_near_action": earning.action_key}
        concerned[earning.action_key] = times[0]


def _full(found: dict[str, Any], earnings: Sequence[Earning], concerned: dict[str, float]) -> None:
    full: dict[str, list[str]] = {}
    for earning in earnings:
        most = earning.most_a_day
        if most is None or most < LEAST_A_DAY:
            continue
        counts = Counter(done.day for done in earning.done if done.is_rewarded)
        days = sorted(day for day, count in counts.items() if count >= FULL * most)
        if len(days) >= LEAST_FULL_DAYS:
            full[earning.action_key] = days
    if not full:
        return
    found |= {"coin_full_actions": len(full), "coin_full_days": max(map(len, full.values()))}
    if len(full) >= 2:
        for earning in earnings:
            if earning.action_key in full:
                first = next(done.at for done in earning.done if done.day == full[earning.action_key][0])
                concerned[earning.action_key] = min(first, concerned.get(earning.action_key, first))


def _spray(found: dict[str, Any], earnings: Sequence[Earning], concerned: dict[str, float]) -> None:
    for earning in earnings:
        keyed = [done for done in earning.done if done.key is not None]
        start, most, burst = 0, 0, (0, 0)
        for end, done in enumerate(keyed):
            while done.at - keyed[start].at > WINDOW:
                start += 1
            if end - start + 1 > most:
                most, burst = end - start + 1, (start, end)
        if most > 20 and most > found.get("coin_spray", 0):
            told = keyed[burst[0] : burst[1] + 1]
            found |= {
                "coin_spray": most,
                "coin_spray_action": earning.action_key,
                "coin_spray_usual": earning.usual_burst,
                # the same told again and again under new keys: a client that retries wrongly
                "coin_spray_same": len({each.payload for each in told}) == 1 and told[0].payload != "",
            }
            concerned[earning.action_key] = told[0].at
