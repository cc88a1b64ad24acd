"""The leaderboard: who leads in which window, by what, now and in every window that is past."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django_htmx.http import push_url

from incenta.clock import now
from incenta.dashboard.access import may
from incenta.dashboard.exports import csv_response
from incenta.dashboard.lists import canonical, said
from incenta.dashboard.pages import AppPage, forbidden
from incentives import boards, user_settings
from incentives.models import Period

from .ledgers import SetVisibility

PERIODS = {"all": Period.ALL, "daily": Period.DAILY, "weekly": Period.WEEKLY, "monthly": Period.MONTHLY}
PER_PAGE = 25
DEEPEST = 10_000
"""Places beyond are not walked to: a user's own is found by id."""


class BoardForm(forms.Form):
    """What the address may ask for."""

    period = forms.ChoiceField(
        choices=[("all", "All time"), ("daily", "Day"), ("weekly", "Week"), ("monthly", "Month")],
        initial="all",
        required=False,
        widget=forms.RadioSelect,
    )
    metric = forms.ChoiceField(
        choices=[("xp", "XP"), ("coins", "Coins"), ("referrals", "Referrals")],
        initial="xp",
        required=False,
        widget=forms.RadioSelect,
    )
    day = forms.DateField(required=False)
    q = forms.CharField(max_length=255, required=False, strip=False)
    page = forms.IntegerField(min_value=1, max_value=DEEPEST // PER_PAGE, required=False)


@dataclass(slots=True)
class BoardPage:
    number: int
    has_previous: bool
    has_next: bool

    @property
    def previous(self) -> int:
        return self.number - 1

    @property
    def next(self) -> int:
        return self.number + 1


class Leaderboard(AppPage):
    section = "leaderboard"
    template_name = "incentives/leaderboard.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        request.GET = said(request)
        form = BoardForm({"period": "all", "metric": "xp"} | request.GET.dict())
        is_understood = form.is_valid()
        context: dict = {
            "form": form,
            "is_understood": is_understood,
            "may_export": may(request, "programme.export"),
            "may_edit": may(request, "incentives.edit"),
        }
        if is_understood:
            told = form.cleaned_data
            window, metric = self.window(told["period"], told["day"]), told["metric"]
            if request.GET.get("export") == "csv":
                if not may(request, "programme.export"):
                    return forbidden(request, "programme.export")
                return self.exported(window, metric, told["period"])
            context |= self.board(window, metric, told["page"] or 1) | self.around(window, metric, told["q"])
            context |= {"metric": metric, "period": told["period"], "window": window, "title": title(window)}
            context |= self.neighbours(window)
        is_fragment = request.htmx and not request.htmx.history_restore_request
        response = self.page(context, template=f"{self.template_name}#results" if is_fragment else "")
        patch_vary_headers(response, ["HX-Request"])
        if is_fragment:
            address = canonical(request)
            push_url(response, False if address == request.htmx.current_url_abs_path else address)
        return response

    def window(self, period: str, day: date | None) -> boards.Window:
        """The window that holds the day; without one, the present window of the app's zone."""
        present = boards.Window.present(self.request.app, PERIODS[period])
        try:
            return boards.Window.of(PERIODS[period], day) if day else present
        except OverflowError:
            return present

    def board(self, window: boards.Window, metric: str, number: int) -> dict:
        offset = (number - 1) * PER_PAGE
        lines = boards.top(self.request.app, window, metric, limit=PER_PAGE + 1, offset=offset)
        has_next = len(lines) > PER_PAGE and offset + PER_PAGE < DEEPEST
        return {"records": lines[:PER_PAGE], "page": BoardPage(number, number > 1, has_next)}

    def around(self, window: boards.Window, metric: str, user_id: str) -> dict:
        """The place of the user who is looked for, with neighbours; or why there is none."""
        if not user_id:
            return {}
        place = boards.place(self.request.app, window, user_id, metric)
        is_hidden = place is None and not user_settings.of(self.request.app, user_id)["visible"]
        around = [*place["above"], place, *place["below"]] if place else []
        return {"asked": user_id, "place": place, "around": around, "is_hidden": is_hidden}

    def neighbours(self, window: boards.Window) -> dict:
        """The days that lead to the windows before and after this one; the present one has none after it."""
        if window.period == Period.ALL:
            return {}
        present = boards.Window.present(self.request.app, window.period)
        try:
            before = window.start - timedelta(days=1)
        except OverflowError:
            before = None
        return {
            "before": before,
            "after": window.end if window.end <= present.start else None,
            "is_present": window == present,
            "is_final": window.start < present.start,
        }

    def exported(self, window: boards.Window, metric: str, period: str) -> HttpResponseBase:
        columns = [(name, lambda line, name=name: line[name]) for name in ("rank", "userId", "xp", "coins")]
        if metric == "referrals":
            columns.append(("referrals", lambda line: line["referrals"]))
        stamp = now(self.request.app).strftime("%Y%m%dT%H%M%SZ")
        start = "" if window.period == Period.ALL else f"-{window.start}"
        return csv_response(f"leaderboard-{period}{start}-{metric}-{stamp}.csv", columns, self.lines(window, metric))

    def lines(self, window: boards.Window, metric: str) -> Iterator[dict]:
        """The first ``DEEPEST`` places, in one statement and so of one moment."""
        yield from boards.top(self.request.app, window, metric, limit=DEEPEST)


def title(window: boards.Window) -> str:
    """``Week of 16 November 2026``"""
    day = f"{window.start.day} {window.start:%B} {window.start.year:04}"
    return {
        Period.ALL: "All time",
        Period.DAILY: day,
        Period.WEEKLY: f"Week of {day}",
        Period.MONTHLY: f"{window.start:%B} {window.start.year:04}",
    }[Period(window.period)]


class ShowOnBoards(SetVisibility):
    """Hides and shows a user, and leads back to the board as it was looked at."""

    section = "leaderboard"
    to = "leaderboard"
