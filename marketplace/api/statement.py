"""``/v1/incentives/marketplace/statement``: what the app and its partners owe each other in a month."""

from django.http import StreamingHttpResponse
from rest_framework.response import Response

from incenta import clock
from incenta.accounts.models import App
from incenta.api.lists import ListView, check_parameters
from incenta.dashboard.exports import csv_response
from incenta.errors import InvalidInput
from marketplace import settlement
from marketplace.settlement import Month

FORMATS = ("json", "csv")


class Statement(ListView):
    """``GET ?month=2026-11&format=json|csv``: the accounts of all partners, and the entries behind them, the oldest first.

    Entries come by page or by cursor in JSON, all at once in CSV. Without ``month`` it is the present one.
    """

    plural = "entries"
    order = ("occurred_at", "id")
    parameters = frozenset({"month", "format"})

    def get(self, request):
        asked = request.query_params
        wanted = asked.get("format", "json")
        if wanted not in FORMATS:
            raise InvalidInput({"format": ["Must be json or csv."]})
        self.month = Month.parse(asked["month"]) if "month" in asked else Month.present(request.app)
        if wanted == "csv":
            check_parameters(request, self.parameters)
            return as_csv(request.app, self.month)
        page = self.page_of(self.get_queryset())
        start, end = self.month.bounds(request.app)
        return Response(
            {
                **page,
                "month": str(self.month),
                "timezone": request.app.timezone,
                "from": clock.iso(start),
                "to": clock.iso(end),
                "partners": [settlement.account_face(account) for account in self.accounts],
                "totals": settlement.totals(self.accounts),
            }
        )

    def get_queryset(self):
        return settlement.entries(self.request.app, self.month)

    def faces(self, items):
        app = self.request.app
        # read after the entries, so that whoever is in one is among them
        self.accounts = settlement.accounts(app, self.month)
        return [
            settlement.line_face(line) for line in settlement.lines(app, settlement.by_partner(self.accounts), items)
        ]


def as_csv(app: App, month: Month) -> StreamingHttpResponse:
    """Every entry of the month, streamed; the API and the page give the same file."""
    return csv_response(f"statement-{month}.csv", settlement.COLUMNS, settlement.stream(app, month))
