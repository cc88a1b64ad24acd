"""The windows of a board: all time, a day, a week, a month, by the days of the app's zone."""

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from incenta import clock
from incenta.accounts.models import App
from incentives.models.board import Period

BEGINNING = date(1, 1, 1)
"""The first day of the window of all time."""
END = date(9999, 12, 31)
NEVER = "timestamptz '1970-01-01 00:00:00+00'"
"""When those reached a score who never had it change: before everybody."""


@dataclass(frozen=True, slots=True)
class Window:
    """A period and the days it covers, ``end`` excluded."""

    period: str
    start: date
    end: date

    @classmethod
    def of(cls, period: str, day: date) -> "Window":
        """The window of this period that holds ``day``. Weeks begin on Monday."""
        if period == Period.DAILY:
            return cls(period, day, day + timedelta(days=1))
        if period == Period.WEEKLY:
            start = day - timedelta(days=day.weekday())
            return cls(period, start, start + timedelta(days=7))
        if period == Period.MONTHLY:
            start = day.replace(day=1)
            return cls(period, start, (start + timedelta(days=32)).replace(day=1))
        return cls(Period.ALL, BEGINNING, END)

    @classmethod
    def present(cls, app: App, period: str) -> "Window":
        return cls.of(period, clock.now(app).astimezone(ZoneInfo(app.timezone)).date())

    def parameters(self, app: App) -> dict:
        return {"app_id": app.pk, "period": self.period, "start": self.start, "from": self.start, "to": self.end}
