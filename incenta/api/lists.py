"""Lists: by page with totals, or by cursor without counting; what cannot be filtered by is refused, not ignored."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from rest_framework.response import Response

from incenta import clock
from incenta.api.views import ApiRequest, ApiView
from incenta.database import replica
from incenta.errors import InvalidInput

LIMIT = 25
LARGEST_LIMIT = 100
LARGEST_PAGE = 10**9
OWN_PARAMETERS = frozenset({"page", "limit", "cursor"})


# --- filters --------------------------------------------------------------------------------------------------------
class MomentField(forms.Field):
    def to_python(self, value):
        if value in self.empty_values:
            return None
        try:
            return clock.parse(value, "time")
        except InvalidInput as error:
            raise forms.ValidationError(error.details["time"][0]) from None


class MomentFilter(django_filters.Filter):
    """A time with its zone: ``createdAfter = MomentFilter("created_at", "gte")``."""

    field_class = MomentField


class TextFilter(django_filters.CharFilter):
    """Exact text, spaces and all: ids are the client's."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **({"strip": False, "max_length": 255} | kwargs))


class TruthField(forms.Field):
    def to_python(self, value):
        if value in self.empty_values:
            return None
        if value not in ("true", "false"):
            raise forms.ValidationError("Must be true or false.")
        return value == "true"


class TruthFilter(django_filters.Filter):
    """``true`` or ``false``."""

    field_class = TruthField


class FilterSet(django_filters.FilterSet):
    """The filters of one list, declared under the names that the client uses (camelCase).

    ``ChoiceFilter(choices=…)`` for states, ``TextFilter`` for ids, ``MomentFilter`` for times, ``TruthFilter`` for
    yes and no. Raises ``InvalidInput`` through ``narrow``.
    """

    @classmethod
    def narrow(cls, queryset: QuerySet, request: ApiRequest) -> QuerySet:
        sent = request.query_params
        if not sent.keys() & cls.base_filters.keys():
            return queryset
        found = cls(data=sent, queryset=queryset, request=request)
        if not found.form.is_valid():
            raise InvalidInput({name: [str(one) for one in told] for name, told in found.form.errors.items()})
        return found.qs


def check_parameters(request: ApiRequest, allowed: frozenset[str] | set[str]) -> None:
    """Raises ``InvalidInput`` for a query parameter that is not in ``allowed``, stands twice, or is empty."""
    for name, values in request.query_params.lists():
        if name not in allowed:
            raise InvalidInput({name[:100]: ["Is not a parameter of this request."]}, code="unknown_parameter")
        if len(values) > 1:
            raise InvalidInput({name: ["Is given more than once."]})
        if not values[0] and name != "cursor":
            raise InvalidInput({name: ["Must not be empty."]})


def whole_number(request: ApiRequest, name: str, default: int, most: int, least: int = 1) -> int:
    """A query parameter that is a whole number. Raises ``InvalidInput``."""
    text = request.query_params.get(name)
    if text is None:
        return default
    # isdigit also holds for digits of other scripts, and for superscripts, which are no numbers
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else -1
    if not least <= number <= most:
        raise InvalidInput({name: [f"Must be a whole number from {least} to {most}."]})
    return number


# --- cursors --------------------------------------------------------------------------------------------------------
def _write_cursor(values: list) -> str:
    plain = [{"t": value.isoformat()} if isinstance(value, datetime) else value for value in values]
    return urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def _read_cursor(text: str, length: int) -> list:
    """The ordering key of the last item seen. It opens nothing: the query still starts at the tenant."""
    try:
        if len(text) > 1000:
            raise ValueError
        plain = json.loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        if not isinstance(plain, list):
            raise ValueError
        values = [datetime.fromisoformat(value["t"]) if isinstance(value, dict) else value for value in plain]
        if len(values) != length or any(
            not isinstance(value, str | int | datetime)
            or isinstance(value, bool)
            or (isinstance(value, datetime) and value.tzinfo is None)
            or (isinstance(value, str) and ("\x00" in value or not value.isprintable()))
            or (isinstance(value, int) and abs(value) >= 2**63)
            for value in values
        ):
            raise ValueError
        return values
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidInput({"cursor": ["Is not a cursor that this list gave."]}) from None


class ListView(ApiView):
    """``GET`` of a list. A subclass names ``plural``, ``get_queryset()`` (which starts at ``request.app``) and
    ``face(item)``, or ``faces(items)``.

    Answers ``{"<plural>": […], "pagination": {page, limit, totalItems, totalPages, nextCursor}}``; with ``?cursor=``
    (empty for the start) ``pagination`` is ``{limit, nextCursor}`` and nothing is counted.
    """

    plural: str
    filterset_class: type[FilterSet] | None = None
    order: tuple[str, ...] = ("-id",)
    """Fields that together are unique and never null, all rising or all falling. Ids are in order of creation."""
    parameters: frozenset[str] | set[str] = frozenset()
    """Query parameters that ``get_queryset`` reads by itself."""
    from_replica = True
    """Whether a replica that knows all that was committed may answer instead of the primary."""

    def get_queryset(self) -> QuerySet:
        raise NotImplementedError

    def face(self, item: Any) -> dict:
        """How one item looks."""
        raise NotImplementedError

    def faces(self, items: list) -> list[dict]:
        """All items of one page; override to fetch what they share in one query."""
        return [self.face(item) for item in items]

    def get(self, request: ApiRequest, *args, **kwargs) -> Response:
        if self.from_replica:
            return Response(replica.read(lambda: self.page_of(self.get_queryset())))
        return Response(self.page_of(self.get_queryset()))

    def page_of(self, queryset: QuerySet) -> dict:
        """One page of the rows, filtered and in order. Two statements at most, one with a cursor."""
        request = self.request
        filters = self.filterset_class.base_filters.keys() if self.filterset_class else set()
        check_parameters(request, OWN_PARAMETERS | filters | self.parameters)
        if self.filterset_class:
            queryset = self.filterset_class.narrow(queryset, request)
        queryset = queryset.order_by(*self.order)
        limit = whole_number(request, "limit", LIMIT, LARGEST_LIMIT)
        cursor = request.query_params.get("cursor")
        if cursor is not None:
            if "page" in request.query_params:
                raise InvalidInput({"cursor": ["Cannot be combined with page."]})
            if cursor:
                queryset = queryset.filter(self._after(cursor))
            items = list(queryset[: limit + 1])
            pagination = {"limit": limit, "nextCursor": self._cursor(items, limit)}
        else:
            page = whole_number(request, "page", 1, LARGEST_PAGE)
            start = (page - 1) * limit
            items = list(queryset[start : start + limit + 1])
            # what is on the page tells the total where the page is the last one
            ends_here = len(items) <= limit and (items or page == 1)
            total = start + len(items) if ends_here else queryset.order_by().count()
            pagination = {
                "page": page,
                "limit": limit,
                "totalItems": total,
                "totalPages": -(-total // limit),
                "nextCursor": self._cursor(items, limit),
            }
        return {self.plural: self.faces(items[:limit]), "pagination": pagination}

    def _cursor(self, items: list, limit: int) -> str | None:
        if len(items) <= limit:
            return None
        last = items[limit - 1]
        read = last.get if isinstance(last, dict) else lambda name: getattr(last, name)
        return _write_cursor([read(name.lstrip("-")) for name in self.order])

    def _after(self, cursor: str) -> Q:
        names = [name.lstrip("-") for name in self.order]
        values = _read_cursor(cursor, len(names))
        model = self.get_queryset().model
        for name, value in zip(names, values, strict=True):
            try:
                cleaned = model._meta.get_field(name).to_python(value)
            except Exception:
                cleaned = None
            if cleaned is None or type(cleaned) is not type(value):
                raise InvalidInput({"cursor": ["Is not a cursor that this list gave."]})
        way = "lt" if self.order[0].startswith("-") else "gt"
        condition = Q(**{f"{names[-1]}__{way}": values[-1]})
        for name, value in zip(names[-2::-1], values[-2::-1], strict=True):
            # the first part alone lets the index be entered at the right place
            condition = Q(**{f"{name}__{way}e": value}) & (Q(**{f"{name}__{way}": value}) | condition)
        return condition
