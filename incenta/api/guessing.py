"""Guessing at codes that are worth something: whoever asks for too many that do not exist waits for the next minute.

Only misses count, so a till that is busy is never refused. The counts are one for all processes: each miss takes one
from the meter's allotment of the minute.
"""

import time
from dataclasses import dataclass
from hashlib import blake2s

from incenta.accounts.models import App
from incenta.api.authentication import network_of
from incenta.api.metering import meter
from incenta.api.views import ApiRequest
from incenta.errors import TooManyRequests

MISSES_PER_MINUTE = 20
"""Of one key, or of one person at the dashboard."""
MISSES_OF_AN_ADDRESS = 60
"""Of one network address in one app, whatever keys it brings: tenants do not slow each other down."""
_MOST_KEPT = 10_000

_waiting: dict[str, int] = {}
"""What is counted → the minute in which this process has seen it run out."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for codes: an app's key or member, from a network address."""

    app_id: str
    who: str
    address: str

    @classmethod
    def of(cls, request: ApiRequest) -> "Asker":
        return cls.at(request.app, request.api_key.pk, request.caller_ip)

    @classmethod
    def at(cls, app: App, who: str, address: str) -> "Asker":
        return cls(app.pk, who, network_of(address))

    def counted(self) -> list[tuple[str, int]]:
        """What is counted, with how many misses it has in a minute. The address itself is not kept."""
        network = blake2s(self.address.encode(), digest_size=8).hexdigest()
        return [
            (f"rate:codes:{self.who}", MISSES_PER_MINUTE),
            (f"rate:codes:{self.app_id}:{network}", MISSES_OF_AN_ADDRESS),
        ]


class TooManyGuesses(TooManyRequests):
    """429 ``too_many_unknown_codes``. ``is_first``: whether this process has just seen the misses of the minute run out."""

    def __init__(self, *, is_first: bool = False):
        self.is_first = is_first
        super().__init__(
            "too_many_unknown_codes",
            "Too many codes that do not exist were asked for within a minute.",
            retry_after=60 - int(time.time()) % 60,
        )


def refuse_guesser(asker: Asker) -> None:
    """Raises ``TooManyGuesses`` while no miss is left. Hits are not told apart then."""
    minute = _minute()
    if any(_waiting.get(scope) == minute for scope, _ in asker.counted()):
        raise TooManyGuesses


def count_miss(asker: Asker) -> None:
    """Counts a code that does not exist. Raises ``TooManyGuesses`` where it was one too many.

    The count is kept in the caller's transaction: commit it, whatever is answered.
    """
    minute = _minute()
    spent = [
        scope for scope, most in asker.counted() if meter.take(scope, most, minute * 60, most) is None
    ]  # each is counted, also where another has run out
    if not spent:
        return
    if len(_waiting) >= _MOST_KEPT:
        _waiting.clear()
    is_first = any(_waiting.get(scope) != minute for scope in spent)
    _waiting.update(dict.fromkeys(spent, minute))
    raise TooManyGuesses(is_first=is_first)


def forget() -> None:
    """Drops what this process remembers (a test)."""
    _waiting.clear()


def _minute() -> int:
    return int(time.time()) // 60
