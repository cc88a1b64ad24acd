"""The mutes in memory: which signals do not speak for which keys and users. They are computed and shown, and add no points."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from incenta.accounts.models import App


@dataclass(frozen=True, slots=True)
class Muted:
    """The mutes of one app, for the look."""

    of_keys: Mapping[tuple[str, int, int], datetime]
    """(signal, kind, key) → until."""
    of_users: Mapping[tuple[str, str], datetime]
    """(signal, user) → until."""

    @classmethod
    def read(cls, app: App) -> "Muted":
        of_keys, of_users = {}, {}
        for signal, kind, key, user_id, until in app.fraud_mutes.filter(removed_at=None).values_list(
            "signal", "kind", "key", "user_id", "expires_at"
        ):
            place, name = (of_users, (signal, user_id)) if key is None else (of_keys, (signal, kind, key))
            place[name] = max(until, place.get(name, until))
        return cls(of_keys, of_users)

    def holds(self, signal: str, users: tuple[str | None, ...], keys: Mapping[int, int], now: datetime) -> bool:
        """Whether a signal is muted for any of these users, or of these keys (kind → key)."""
        if not self.of_keys and not self.of_users:
            return False
        found = (self.of_users.get((signal, user)) for user in users if user is not None)
        found_keys = (self.of_keys.get((signal, int(kind), key)) for kind, key in keys.items())
        return any(until is not None and now < until for until in (*found, *found_keys))
