"""The request log: every call of the app, newest first, to any depth; and one call whole."""

import json
import shlex
from datetime import datetime
from urllib.parse import quote

import django_filters
from django import forms
from django.conf import settings
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ulid import ULID

from incenta.api.models import RequestLog
from incenta.api.request_log import LONGEST_BODY
from incenta.dashboard.lists import canonical
from incenta.dashboard.pages import AppPage
from incenta.dashboard.searched import SearchedListPage
from incenta.errors import NotFound

from .advice import advice
from .objects import linked

CLASSES = [("2xx", "2xx"), ("3xx", "3xx"), ("4xx", "4xx"), ("5xx", "5xx")]
MASKED_NOTE = "***"


def first_id(moment: datetime) -> str:
    """The smallest id that a request of this moment can have: ids begin with their time in milliseconds."""
    return "req_" + str(ULID.from_timestamp(max(0.0, moment.timestamp()))).lower()[:10]


class Moment(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class CallFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=500)
    user = django_filters.CharFilter(method="of_user", label="User", max_length=255)
    status = django_filters.MultipleChoiceFilter(choices=CLASSES, method="in_classes", widget=CheckboxSelectMultiple)
    code = django_filters.CharFilter("error_code", "exact", max_length=60)
    key = django_filters.ModelChoiceFilter(
        field_name="api_key",
        queryset=lambda request: request.app.api_keys.order_by("name", "pk"),
        empty_label="All keys",
    )
    since = django_filters.DateTimeFilter(method="begin", widget=Moment)
    until = django_filters.DateTimeFilter(method="end", widget=Moment)

    class Meta:
        model = RequestLog
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(pk=value) if value.startswith("req_") else rows.filter(path__contains=value)

    def of_user(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Ids of people have no column: they stand in the path, or as a text of what was sent."""
        in_path = quote(value, safe="")
        return rows.filter(
            Q(path__contains=f"/{in_path}")
            | Q(path__contains=f"={in_path}")
            | Q(request_body__contains=json.dumps(value, ensure_ascii=False))
        )

    def in_classes(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        found = Q()
        for value in values:
            first = int(value[0]) * 100
            found |= Q(status__gte=first, status__lt=first + 100)
        if all(value in ("4xx", "5xx") for value in values):
            found &= Q(status__gte=400)  # as the index over what failed says it
        return rows.filter(found)

    def begin(self, rows: QuerySet, name: str, value: datetime) -> QuerySet:
        return rows.filter(pk__gte=first_id(value))

    def end(self, rows: QuerySet, name: str, value: datetime) -> QuerySet:
        return rows.filter(pk__lt=first_id(value))


class Calls(SearchedListPage):
    """``?live=on``: the first page asks anew by itself, and swaps nothing while nothing came."""

    permission = "logs.read"
    section = "request_log"
    template_name = "api/calls.html"
    filterset_class = CallFilter
    order_field = "pk"
    export_name = "api-requests"
    columns = [
        ("id", lambda line: line.pk),
        ("atUtc", lambda line: line.created_at),
        ("method", lambda line: line.method),
        ("path", lambda line: line.path),
        ("status", lambda line: line.status),
        ("code", lambda line: line.error_code),
        ("milliseconds", lambda line: line.milliseconds),
        ("key", lambda line: line.api_key.name if line.api_key else ""),
        ("ip", lambda line: line.remote_ip),
        ("userAgent", lambda line: line.user_agent),
    ]

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if request.htmx and (seen := request.headers.get("X-Seen")) and seen == self.latest():
            return HttpResponse(status=204)
        return super().get(request)

    def rows(self) -> QuerySet:
        return self.request.app.request_logs.select_related("api_key").defer("request_body", "response_body")

    def latest(self) -> str:
        """The id of the app's newest line; "none" where there is none."""
        return self.request.app.request_logs.order_by("-pk").values_list("pk", flat=True).first() or "none"

    def decorate(self, records: list) -> list:
        for line in records:
            line.kind = kind_of(line.status)
            line.took = took(line.milliseconds)
        return records

    def more_context(self, page, **kwargs) -> dict:
        asked = self.request.GET
        is_first = not (asked.get("after") or asked.get("before"))
        return {
            "tab": "requests",
            "is_live": asked.get("live") == "on" and is_first,
            "is_first": is_first,
            "latest": self.latest() if asked.get("live") == "on" else "",
            "here": canonical(self.request),
            "example": example(self.request) if not page.object_list else "",
        }


class Call(AppPage):
    """One call: what was sent, what was answered, both without secrets and e-mail addresses."""

    permission = "logs.read"
    section = "request_log"
    template_name = "api/call.html"

    def get(self, request: HttpRequest, request_id: str) -> HttpResponse:
        lines = request.app.request_logs
        line = lines.select_related("api_key").filter(pk=request_id).first()
        if line is None:
            raise NotFound("request_not_found", "Request not found.")
        line.kind = kind_of(line.status)
        line.took = took(line.milliseconds)
        whole = f"{line.path} {line.request_body} {line.response_body}"
        context = {
            "line": line,
            "sent": pretty(line.request_body),
            "answered": pretty(line.response_body),
            "sent_is_cut": len(line.request_body) >= LONGEST_BODY,
            "answered_is_cut": len(line.response_body) >= LONGEST_BODY,
            "is_masked": MASKED_NOTE in whole,
            "advice": advice(line.status, line.error_code) if line.status >= 400 else "",
            "objects": linked(request, whole) if line.status < 400 else [],
            "curl": curl(line),
            "newer": lines.filter(pk__gt=line.pk).order_by("pk").values_list("pk", flat=True).first(),
            "older": lines.filter(pk__lt=line.pk).order_by("-pk").values_list("pk", flat=True).first(),
        }
        return self.page(context)


def kind_of(status: int) -> str:
    """The badge's colour name."""
    return "rejected" if status >= 500 else "held" if status >= 400 else "scheduled" if status >= 300 else "active"


def took(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def pretty(text: str) -> str:
    """JSON on several lines; as it is where it was cut or is none."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def curl(line: RequestLog) -> str:
    """The call as a command. The key is a variable, never the key."""
    parts = ["curl" if line.method == "GET" else f"curl -X {line.method}", shlex.quote(settings.BASE_URL + line.path)]
    lines = [" ".join(parts), '-H "x-api-key: $INCENTA_KEY"']
    if line.method == "POST":
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if line.request_body:
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(line.request_body)}"]
    return " \\\n  ".join(lines)


def example(request: HttpRequest) -> str:
    """A first call, for a log that is empty."""
    return f'curl {settings.BASE_URL}/v1/campaigns \\\n  -H "x-api-key: $INCENTA_KEY"'
