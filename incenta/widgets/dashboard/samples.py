"""What the preview shows: the answers by example of the API's own description, so that it shows what the widgets will be sent."""

import copy

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, resolve
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt

from incenta.api.examples import example_of
from incenta.api.schema import operation_of
from incenta.api.views import ApiView
from incenta.dashboard.pages import AppPage
from incenta.errors import NotFound

STATES = {"full": "Something to show", "empty": "Nothing yet", "error": "An error"}
USER = "user_123"
"""Whose data the examples show."""
KEY = "inc_pub_sample"

# the board as the product's first documentation shows it
_BOARD = [
    {"rank": 1, "userId": "user_456", "xp": 2450, "coins": 1200, "isYou": False},
    {"rank": 2, "userId": USER, "xp": 1800, "coins": 900, "isYou": True},
    {"rank": 3, "userId": "user_789", "xp": 1200, "coins": 600, "isYou": False},
]


def _example(view: ApiView, method: str) -> tuple[int, object]:
    """Status and body of the example that a call is described by. Raises ``NotFound`` for one that has none."""
    known = operation_of(view, method.lower())
    if known is None:
        raise NotFound("not_found", "There is no example of this call.")
    if known.item is None:
        return known.status, example_of(known.answer)
    pagination = {"page": 1, "limit": 25, "totalItems": 1, "totalPages": 1, "nextCursor": None}
    return 200, {view.plural: [example_of(known.item)], "pagination": pagination}


def _without_pictures(value: object) -> object:
    """The examples' pictures are nowhere, and a page of ours loads none from elsewhere."""
    if isinstance(value, dict):
        return {name: "" if name == "imageUrl" else _without_pictures(inner) for name, inner in value.items()}
    return [_without_pictures(inner) for inner in value] if isinstance(value, list) else value


def _emptied(body: object) -> object:
    """The same answer with nothing in it."""
    if isinstance(body, list):
        return []
    if isinstance(body, dict) and "referralsMade" in body:
        return body | {"referralsMade": dict.fromkeys(body["referralsMade"], 0), "rewardsByCurrency": []}
    if isinstance(body, dict) and "pagination" in body:
        return {name: [] if isinstance(value, list) else value for name, value in body.items()}
    return body


def answer(method: str, path: str, state: str) -> tuple[int, object]:
    """What the preview is told for a call, by the state that it shows. Raises ``NotFound`` for what no widget calls."""
    try:
        match = resolve(f"/{path}")
    except Resolver404:
        raise NotFound("not_found", "There is no such call.") from None
    view = getattr(match.func, "cls", None)
    if view is None or not issubclass(view, ApiView) or method not in view.publishable:
        raise NotFound("not_found", "No widget makes this call.")
    if state == "error":
        return 500, {"error": "Something went wrong on our side.", "code": "internal_error"}
    if state == "empty" and method == "POST":
        return 400, {"error": "No campaign runs now.", "code": "campaign_not_active"}
    status, body = _example(view(), method)
    if view.__name__ == "Leaderboard":
        body = copy.deepcopy(_BOARD)
    body = _without_pictures(body)
    return status, _emptied(body) if state == "empty" else body


@method_decorator(csrf_exempt, name="dispatch")  # it answers examples, whatever is asked, and changes nothing
class Sample(AppPage):
    """The API as the preview's widgets see it: ``…/sample/full/v1/…``."""

    def get(self, request: HttpRequest, state: str, call: str) -> HttpResponse:
        if state not in STATES:
            raise Http404("state")
        status, body = answer(request.method, call, state)
        return JsonResponse(body, status=status, safe=False)

    post = get
