"""What this room shows on the overview: the cases that wait, and what they hold."""

from datetime import timedelta
from functools import partial

from django.http import HttpRequest
from django.urls import reverse

from incenta import clock, money
from incenta.accounts.models import App
from incenta.dashboard.access import may
from incenta.dashboard.overview import Shown, ToDo, Waiting, show_with

MOST_WAITING = 1_000
SOON = timedelta(days=1)
"""A deadline within it is near: then it decides by itself."""
_WAITING = f"""
WITH waiting AS (
  SELECT held, due_at FROM fraud_case WHERE app_id = %(app)s AND (status = 'OPEN' OR (status = 'KEPT' AND kept_until <= %(now)s))
  LIMIT {MOST_WAITING + 1}
)
SELECT (SELECT count(*) FROM waiting) AS count, (SELECT count(*) FROM waiting WHERE due_at <= %(fraud_soon)s) AS due,
  (SELECT jsonb_object_agg(asset, minor) FROM (
  SELECT h.key AS asset, sum(h.value::bigint) AS minor FROM waiting, jsonb_each_text(waiting.held) h GROUP BY h.key) s) AS held
"""


def todos(request: HttpRequest) -> Waiting | None:
    """Cases by what they hold, for whoever decides them."""
    if not may(request, "fraud.decide"):
        return None
    return Waiting(_WAITING, partial(_waiting, request.app), {"fraud_soon": clock.now(request.app) + SOON})


def _waiting(app: App, rows: list[dict]) -> list[ToDo]:
    [row] = rows
    count, due, held = row["count"], row["due"], row["held"] or {}
    if not count:
        return []
    many = f"{MOST_WAITING:,} fraud cases and more wait" if count > MOST_WAITING else f"{count:,} fraud cases wait"
    text = f"{'1 fraud case waits' if count == 1 else many} for a decision"
    worth = ", ".join(money.display(minor, asset) for asset, minor in sorted(held.items()) if minor)
    note = f"{worth} on hold" if worth and count <= MOST_WAITING else ""
    url = reverse("dashboard:fraud", args=[app.pk])
    found = [ToDo(80, text, url, "shield-alert", note)]
    if due:
        told = "1 fraud case decides itself" if due == 1 else f"{due:,} fraud cases decide themselves"
        found.append(ToDo(85, f"{told} within a day", url, "timer"))
    return found


def register() -> None:
    """Names this room as one that the overview shows; once, when it is ready."""
    show_with("fraud", Shown(todos=todos))
