"""Backfills as they go on: what was given to those who qualified before the rule was made."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from incenta import clock
from incenta.accounts.models import App
from incenta.dashboard.pages import AppPage
from incentives.backfilling import OPEN

SHOWN_AFTERWARDS = 3_600
"""Seconds for which a finished backfill is still told."""


def told(app: App, noun: str) -> dict:
    """What a list of this noun shows: those that go on and those just finished, newest first."""
    now = clock.now(app)
    latest = list(app.backfills.filter(noun=noun, total__gt=0).order_by("-id")[:5])
    shown = [
        one
        for one in latest
        if one.state in OPEN or (now - (one.finished_at or one.created_at)).total_seconds() < SHOWN_AFTERWARDS
    ]
    for one in shown:
        one.is_open = one.state in OPEN
        one.most = max(one.total, one.done, 1)
    return {
        "backfills": shown,
        "are_open": any(one.is_open for one in shown),
        "backfills_url": reverse("dashboard:backfills", args=[app.pk, noun]),
        "backfill_noun": noun,
    }


class Backfills(AppPage):
    """The fragment that a list asks for again while a backfill goes on."""

    template_name = "incentives/backfills.html"

    def get(self, request: HttpRequest, noun: str) -> HttpResponse:
        return self.page(told(request.app, noun))
