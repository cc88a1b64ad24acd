"""How an endpoint stands with the pump, and what each answer of its receiver changes about that. Pure: rows in, rows out.

Two lanes: an endpoint that is slow turns ``suspect`` and gets one request at a time, out of a quarter of the slots, so that
it can hold up none but its like. A cap of its own that halves with every slow answer and grows by one with every quick one.
And a breaker: after five failures in a row nothing is sent for a while, then one probe; what waits uses up no retries.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .models.health import LATENCY_BOUNDS_MS, EndpointHealth

HEALTHY, SUSPECT = EndpointHealth.Lane.HEALTHY.value, EndpointHealth.Lane.SUSPECT.value
CLOSED, OPEN, HALF_OPEN = (
    EndpointHealth.Breaker.CLOSED.value,
    EndpointHealth.Breaker.OPEN.value,
    EndpointHealth.Breaker.HALF_OPEN.value,
)
SLOW_MS = 3_000
SAMPLES = 20
MOST_SLOW = 2
"""Of 20 requests two over the bound: their 95th percentile is over it."""
QUICK_TO_RETURN = 5
FAILURES_TO_OPEN = 5
OPEN_S, LONGEST_OPEN_S = 30, 300
UNLIMITED: int = EndpointHealth._meta.get_field("effective_cap").default
THROTTLING = (429, 503)
"""A receiver that says that it has too much to do is asked for less at once."""


@dataclass
class Standing:
    """The row of the endpoint's health, its ``max_concurrency``, and the tally of what was heard since it was read."""

    endpoint_id: str
    app_id: str
    max_concurrency: int
    lane: str = HEALTHY
    effective_cap: int = UNLIMITED
    slow_strikes: int = 0
    recent_ms: list[int] = field(default_factory=list)
    quick_streak: int = 0
    breaker: str = CLOSED
    open_until: datetime | None = None
    open_s: int = 0
    consecutive_failures: int = 0
    first_failure_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_success_at: datetime | None = None
    notified_level: int = 0

    good: int = 0
    bad: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS_MS) + 1))

    def hear(self, error: str | None, status: int | None, ms: int, now: datetime) -> None:
        """Takes in one answer; ``error`` is None for a success, else as ``transport.Outcome`` names it."""
        self.latency[bucket_of(ms)] += 1
        if error is None:
            self._succeed(now)
        else:
            self._fail(now)
        self._pace(error, status, ms)

    def _succeed(self, now: datetime) -> None:
        self.good += 1
        self.last_success_at = now
        self.consecutive_failures, self.first_failure_at, self.notified_level = 0, None, 0
        self.breaker, self.open_until, self.open_s = CLOSED, None, 0

    def _fail(self, now: datetime) -> None:
        self.bad += 1
        self.last_failure_at = now
        self.first_failure_at = self.first_failure_at or now
        self.consecutive_failures += 1
        if self.breaker == HALF_OPEN:
            self._open(min(self.open_s * 2 or OPEN_S, LONGEST_OPEN_S), now)
        elif self.breaker == CLOSED and self.consecutive_failures >= FAILURES_TO_OPEN:
            self._open(OPEN_S, now)
        # while it is open, what fails was sent before: that says nothing new

    def _open(self, seconds: int, now: datetime) -> None:
        self.breaker, self.open_s, self.open_until = OPEN, seconds, now + timedelta(seconds=seconds)

    def _pace(self, error: str | None, status: int | None, ms: int) -> None:
        self.recent_ms = [*self.recent_ms, ms][-SAMPLES:]
        is_timeout = error == "timeout"
        if is_timeout or ms > SLOW_MS:
            self.slow_strikes = min(self.slow_strikes + 1, UNLIMITED)
            self._ask_for_less()
            if is_timeout or sum(took > SLOW_MS for took in self.recent_ms) >= MOST_SLOW:
                self.lane = SUSPECT
        elif status in THROTTLING:
            self._ask_for_less()
        elif error is not None:
            self.quick_streak = 0
        else:
            self.quick_streak = min(self.quick_streak + 1, UNLIMITED)
            self.effective_cap = self.effective_cap + 1 if self.effective_cap + 1 < self.max_concurrency else UNLIMITED
            if self.lane == SUSPECT and self.quick_streak >= QUICK_TO_RETURN:
                # what was slow before is not held against it twice
                self.lane, self.slow_strikes, self.recent_ms = HEALTHY, 0, self.recent_ms[-QUICK_TO_RETURN:]

    def suspect(self) -> None:
        """Several of its requests are out and slow already."""
        self.lane = SUSPECT
        self._ask_for_less()

    def _ask_for_less(self) -> None:
        self.quick_streak = 0
        self.effective_cap = max(1, min(self.effective_cap, self.max_concurrency) // 2)


def bucket_of(ms: int) -> int:
    """The place of a duration among the buckets of ``EndpointHour.latency``."""
    return next((place for place, bound in enumerate(LATENCY_BOUNDS_MS) if ms <= bound), len(LATENCY_BOUNDS_MS))
