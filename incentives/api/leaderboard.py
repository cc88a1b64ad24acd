"""``/v1/incentives/leaderboard``: a bare array, as the seed shows it."""

from datetime import date

from rest_framework.response import Response

from incenta import clock
from incenta.api.fields import UserId
from incenta.api.lists import check_parameters, whole_number
from incenta.api.views import ApiRequest, ApiView
from incenta.errors import InvalidInput, NotFound
from incenta.serializers import Serializer
from incenta.widgets.boards import faces as for_browser
from incentives import adjusting, boards
from incentives.models.board import METRICS, Period

from .actions import points

PERIODS = {label: value for value, label in Period.choices}
DEEPEST = 10_000


def _asked(request: ApiRequest, more: frozenset[str] = frozenset()) -> tuple[boards.Window, str]:
    """The window and metric of the query: ``period``, ``metric``, and ``at`` (a day in it; else the present one)."""
    check_parameters(request, {"period", "metric", "at"} | more)
    sent = request.query_params
    period, metric = sent.get("period", "all"), sent.get("metric", "xp")
    if period not in PERIODS:
        raise InvalidInput({"period": [f"Must be one of {', '.join(PERIODS)}."]})
    if metric not in METRICS:
        raise InvalidInput({"metric": [f"Must be one of {', '.join(METRICS)}."]})
    if "at" not in sent:
        return boards.Window.present(request.app, PERIODS[period]), metric
    try:
        if len(sent["at"]) != 10:  # the parser also takes weeks, and days without hyphens
            raise ValueError
        return boards.Window.of(PERIODS[period], date.fromisoformat(sent["at"])), metric
    except (ValueError, OverflowError):
        raise InvalidInput({"at": ["Must be a day such as 2026-11-23."]}) from None


class ScoreInput(Serializer):
    user_id = UserId()
    xp = points()
    coins = points(required=False)


class Leaderboard(ApiView):
    """``GET`` the board; ``POST`` sets a user's score by an adjusting entry, and answers the user's place."""

    serializer_class = ScoreInput
    publishable = frozenset({"GET"})

    def get(self, request):
        window, metric = _asked(request, frozenset({"limit", "offset"}))
        limit = whole_number(request, "limit", 10, 100)
        offset = whole_number(request, "offset", 0, DEEPEST, least=0)
        lines = boards.top(request.app, window, metric, limit=limit, offset=offset)
        return Response(for_browser(request.app, lines, own=request.own_user) if request.is_browser else lines)

    def post(self, request):
        sent = ScoreInput.parse(request.data)
        adjusting.set_scores(
            request.app, sent["user_id"], xp=sent["xp"], coins=sent.get("coins"), actor=request.api_key.pk
        )
        window = boards.Window.present(request.app, Period.ALL)
        found = boards.place(request.app, window, sent["user_id"])
        return Response(
            found or {"rank": None, "userId": sent["user_id"], "xp": sent["xp"], "coins": sent.get("coins", 0)}
        )


class Place(ApiView):
    """``GET`` a user's rank with neighbours: 404 for one who is on no such board, or hidden."""

    publishable = of_user = frozenset({"GET"})

    def get(self, request, user_id):
        window, metric = _asked(request)
        found = boards.place(request.app, window, user_id, metric)
        if found is None:
            raise NotFound("not_ranked", "This user is not on this leaderboard.")
        if request.is_browser:
            own = request.own_user
            above, below = (for_browser(request.app, found[side], own=own) for side in ("above", "below"))
            found |= {"isYou": True, "above": above, "below": below}
        return Response(found)


class Refresh(ApiView):
    """``POST`` recomputes the boards from the ledger and answers the drift it found: 0."""

    def post(self, request):
        found = boards.refresh(request.app)
        return Response({"success": True, **found, "refreshedAt": clock.iso(clock.now(request.app))})
