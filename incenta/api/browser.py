"""Browsers that call with a publishable key: whose user they show, and how often they may knock.

A publishable key stands in web pages, so anybody has it. What it opens alone is public; what is a user's own needs the user's token
(``incenta.widgets.tokens``), which only the merchant's server can sign.
"""

import threading
import time

from incenta.accounts.models import ApiKey
from incenta.api import metering
from incenta.api.authentication import caller_ip, network_of
from incenta.errors import TooManyRequests
from incenta.widgets import tokens

READS_PER_MINUTE = 300
WRITES_PER_MINUTE = 30
"""Calls of one network address in one app within a minute, for each process."""
SHARE = 2
"""Web pages may make one in so many of an app's calls of a month: whatever visitors do, the merchant's servers have the rest."""
MOST_COUNTED = 50_000


class _Visits:
    """Calls by app and address in the present minute. In memory only: a stranger must not make us write."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.minute = 0
        self.counts: dict[tuple[str, str, bool], int] = {}

    def count(self, app_id: str, network: str, *, is_reading: bool) -> bool:
        """Counts one call; whether it is within the limit."""
        minute = int(time.time()) // 60
        name = app_id, network, is_reading
        with self.lock:
            if minute != self.minute or len(self.counts) >= MOST_COUNTED:
                self.minute, self.counts = minute, {}
            made = self.counts[name] = self.counts.get(name, 0) + 1
        return made <= (READS_PER_MINUTE if is_reading else WRITES_PER_MINUTE)

    def forget(self) -> None:
        with self.lock:
            self.counts = {}


visits = _Visits()


def refuse_flood(key: ApiKey, request) -> None:
    """Counts a browser's call, before it counts for the merchant. Raises ``TooManyRequests`` ``rate_limited``."""
    is_reading = request.method in ("GET", "HEAD")
    if not visits.count(key.app_id, network_of(caller_ip(request)), is_reading=is_reading):
        raise TooManyRequests(
            "rate_limited", "Too many calls from this address.", retry_after=60 - int(time.time()) % 60
        )


def refuse_beyond_share(key: ApiKey) -> None:
    """Counts a browser's call against what browsers may make. Raises ``TooManyRequests`` ``monthly_limit_exceeded``."""
    now = time.time()
    start, _ = metering.month_of(now)
    most = key.app.merchant.plan.monthly_calls // SHARE
    if metering.meter.take(f"pages:{key.app_id}", most, start, 50) is None:
        told = f"Web pages have made the {most} calls that are theirs of this app's month; its servers have the others."
        raise metering.month_used_up(told, most, now)


def user_of(key: ApiKey, request, *, is_needed: bool) -> str | None:
    """The user whom the browser proves to be; ``None`` where it brings no token and needs none.

    Raises ``Unauthorized`` for a token that is not good, also where none is needed.
    """
    token = request.META.get("HTTP_X_USER_TOKEN", "").strip()
    return tokens.user_of(key.app, token) if token or is_needed else None
