"""What is found of the app itself: its users by how their ids begin, its keys, and the apps beside it."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from incenta.accounts.models import Participant
from incenta.dashboard.search import MOST, Found, Kind, Opener, begins, page_of, search_with


def users(request: HttpRequest, text: str) -> list[Found]:
    people = reverse("dashboard:people", args=[request.app.pk])
    return [
        Found(each.external_id, f"{people}?{urlencode({'id': each.external_id})}", each.username or each.email)
        for each in begins(request.app.participants, "external_id", text)[:MOST]
    ]


def _app(request: HttpRequest, app_id: str) -> str | None:
    is_mine = request.membership.merchant.apps.filter(pk=app_id).exists()
    return reverse("dashboard:overview", args=[app_id]) if is_mine else None


def register() -> None:
    """Names what the command box asks; once, when the room is ready."""
    search_with(
        "accounts",
        Kind("Users", "user", "programme.read", users, 30),
        opens={
            "usr": page_of(lambda app: Participant.objects.filter(app=app), "people", query={"id": "external_id"}),
            "key": page_of(lambda app: app.api_keys, "keys", query={"q": "pk"}, permission="keys.manage"),
            "app": Opener("programme.read", _app),
        },
    )
