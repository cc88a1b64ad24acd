"""``/v1/test-clock``: a sandbox's time, contract section 10."""

from rest_framework.response import Response

from incenta import clock
from incenta.accounts import test_clock
from incenta.accounts.models import App
from incenta.api.fields import Moment
from incenta.api.lists import check_parameters
from incenta.api.views import ApiView
from incenta.serializers import Serializer


class FreezeInput(Serializer):
    frozen_at = Moment()


class AdvanceInput(Serializer):
    to = Moment()


def face(app: App) -> dict:
    return {"frozenAt": clock.iso(app.clock_frozen_at), "now": clock.iso(clock.now(app))}


class TestClock(ApiView):
    """``GET`` tells, ``POST {frozenAt}`` stops the clock, ``DELETE`` lets it run again."""

    serializer_class = FreezeInput

    def get(self, request):
        check_parameters(request, frozenset())
        return Response(face(request.app))

    def post(self, request):
        return Response(face(test_clock.freeze(request.app, FreezeInput.parse(request.data)["frozen_at"])))

    def delete(self, request):
        test_clock.release(request.app)
        return Response(status=204)


class AdvanceClock(ApiView):
    """``POST {to}``: moves it forward, and does at once what the passing of that time does."""

    serializer_class = AdvanceInput

    def post(self, request):
        return Response(face(test_clock.advance(request.app, AdvanceInput.parse(request.data)["to"])))
