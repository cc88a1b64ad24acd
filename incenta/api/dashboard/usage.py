"""Will I hit the limit: a month's calls by day and endpoint, what of the plan is used, and where the pace leads."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from incenta.api import metering
from incenta.dashboard.pages import AppPage

from .failures import place_told

SHOWN = 5
"""Endpoints with a colour of their own; the others are one."""
PACE_DAYS = 7
"""Whole days whose mean is the pace."""
OTHERS = "all others"
MOST_ENDPOINTS = 50
"""Lines of the table."""


@dataclass(frozen=True, slots=True)
class Month:
    start: date
    end: date
    """The first day after it."""
    today: date

    @property
    def days(self) -> list[date]:
        return [self.start + timedelta(days=each) for each in range((self.end - self.start).days)]

    @property
    def is_running(self) -> bool:
        return self.start <= self.today < self.end


def month_of(day: date, today: date) -> Month:
    start = day.replace(day=1)
    return Month(start, (start + timedelta(days=32)).replace(day=1), today)


def forecast(month: Month, calls: int, by_day: dict[date, int], since: date = date.min) -> tuple[int, float] | None:
    """``(calls at the month's end, calls a day)`` at the pace of the latest whole days of this month on which the app was there
    (``since``); without one, of today so far.

    ``None`` where the month is over, or nothing was called.
    """
    if not month.is_running or not calls:
        return None
    whole = [day for day in month.days if since < day < month.today][-PACE_DAYS:]
    pace = sum(by_day.get(day, 0) for day in whole) / len(whole) if whole else by_day.get(month.today, 0)
    # what is left of today is taken to be as much as still lacks to the pace
    rest = max(0.0, pace - by_day.get(month.today, 0)) + pace * (month.end - month.today - timedelta(days=1)).days
    return round(calls + rest), pace


def stacked(
    month: Month, series: list[tuple[str, dict[date, int]]], pace: float | None, width: int = 760, height: int = 230
) -> SafeString:
    """Bars of days, stacked by series, with the pace as a broken line to the month's end; colours come from classes."""
    base, top = height - 22, 14
    totals = {day: sum(values.get(day, 0) for _, values in series) for day in month.days}
    most = max([*totals.values(), pace or 0, 1])
    step = (width - 46) / len(month.days)

    def tall(count: float) -> float:
        return count / most * (base - top)

    parts, labels = [], []
    for place, day in enumerate(month.days):
        floor = base
        for number, (name, values) in enumerate(series):
            if count := values.get(day, 0):
                floor -= tall(count)
                told = f"{day:%-d %b}, {name}: {count:,}"
                left, tallness = f"{46 + place * step:.1f}", f"{tall(count):.1f}"
                parts.append((number, left, f"{floor:.1f}", f"{step * 0.8:.1f}", tallness, told))
        if day.day == 1 or day.day % 5 == 0:
            labels.append((f"{46 + place * step + step * 0.4:.1f}", height - 6, day.day))
    line = SafeString("")
    if pace is not None and month.is_running:
        left = 46 + (month.today - month.start).days * step
        line = format_html(
            '<line class="pace" x1="{}" y1="{}" x2="{}" y2="{}"/>',
            f"{left:.1f}", f"{base - tall(pace):.1f}", width, f"{base - tall(pace):.1f}",
        )  # fmt: skip
    return format_html(
        '<svg class="i-stack" viewBox="0 0 {} {}" role="img" aria-label="{}"><line class="axis" x1="46" y1="{}" x2="{}" y2="{}"/>'
        '<text x="40" y="{}" text-anchor="end">{}</text><text x="40" y="{}" text-anchor="end">0</text>{}{}{}</svg>',
        width,
        height,
        f"Calls a day in {month.start:%B %Y}: {sum(totals.values()):,} in all, at most {max(totals.values()):,} in a day",
        base, width, base,
        top + 4, f"{round(most):,}", base + 4,
        format_html_join("", '<rect class="i-s{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>', parts),
        line,
        format_html_join("", '<text x="{}" y="{}" text-anchor="middle">{}</text>', labels),
    )  # fmt: skip


class Usage(AppPage):
    """``?month=last``: the month before. Three statements, whatever was called."""

    section = "usage"
    template_name = "api/usage.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        today = datetime.now(UTC).date()
        month = month_of(today, today)
        is_last = request.GET.get("month") == "last"
        if is_last:
            month = month_of(month.start - timedelta(days=1), today)
        rows = list(
            request.app.call_days.filter(day__gte=month.start, day__lt=month.end)
            .values("day", "endpoint")
            .annotate(made=Sum("calls"), refused=Sum("limited"), failures=Sum("failed"))
            .order_by("day", "endpoint")
        )
        by_endpoint, by_day, limited, failed = Counter(), Counter(), Counter(), Counter()
        for row in rows:
            method, _, route = row["endpoint"].partition(" ")
            row["endpoint"] = f"{method} {place_told(route)}"
            by_endpoint[row["endpoint"]] += row["made"]
            by_day[row["day"]] += row["made"]
            limited[row["endpoint"]] += row["refused"]
            failed[row["endpoint"]] += row["failures"]
        order = [name for name, _ in sorted(by_endpoint.items(), key=lambda each: (-each[1], each[0]))]
        shown = order[:SHOWN]
        sums: dict[str, Counter] = {}
        for row in rows:
            sums.setdefault(row["endpoint"] if row["endpoint"] in shown else OTHERS, Counter())[row["day"]] += row[
                "made"
            ]
        series = [(name, sums[name]) for name in [*shown, OTHERS] if name in sums]
        used = metering.usage(request.app)
        calls = sum(by_day.values()) if is_last else used["calls"]
        ahead = forecast(month, calls, by_day, request.app.created_at.astimezone(UTC).date())
        return self.page(
            {
                "month": month,
                "is_last": is_last,
                "calls": calls,
                "limit": used["limit"],
                "percent": 100 * calls // used["limit"] if used["limit"] else 100,
                "ahead": ahead,
                "ahead_percent": round(100 * ahead[0] / used["limit"]) if ahead and used["limit"] else None,
                "last_day": month.end - timedelta(days=1),
                "limited": sum(limited.values()),
                "failed": sum(failed.values()),
                "picture": stacked(month, series, ahead[1] if ahead else None) if series else "",
                "legend": [(number, name, sum(values.values())) for number, (name, values) in enumerate(series)],
                "endpoints": [
                    {"name": name, "calls": by_endpoint[name], "limited": limited[name], "failed": failed[name]}
                    for name in order[:MOST_ENDPOINTS]
                ],
                "per_minute": request.app.merchant.plan.calls_per_minute,
                "plan": request.app.merchant.plan.name,
            }
        )
