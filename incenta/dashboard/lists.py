"""A list page: filters, order and page stand in the URL; one queryset serves the page, the fragment and the CSV."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject, cached_property
from django_filters import FilterSet
from django_htmx.http import push_url

from incenta.clock import now
from incenta.database import replica

from .access import may
from .exports import csv_response
from .pages import AppPage, forbidden
from .saved_views import page_of, views_of

MOST_COUNTED = 10_000
"""Rows of a list with numbered pages that are counted; further ones are found by a filter."""


class BoundedPaginator(Paginator):
    @cached_property
    def count(self) -> int:
        return self.object_list[:MOST_COUNTED].count()


class ListPage(AppPage):
    """``GET ?…filters…&sort=-created&page=2``; ``&export=csv`` downloads the whole filtered set.

    A subclass names ``filterset_class``, ``orders`` and ``columns``, gives ``rows()``, and may ``decorate()`` them.
    Queries do not grow with the number of rows.
    """

    filterset_class: type[FilterSet]
    orders: dict[str, tuple[str, ...]] = {}
    """What ``?sort=`` may say, to the fields ordered by; the id is always the last word."""
    default_order = "-created"
    per_page = 25
    columns: list[tuple[str, Callable]] = []
    export_name = "export"

    def rows(self) -> QuerySet:
        """Everything that this list could show, starting at ``request.app``."""
        raise NotImplementedError

    def decorate(self, records: list) -> list:
        """Adds what the rows need beyond their own table, in a fixed number of queries for the lot."""
        return records

    def ordering(self) -> tuple[str, tuple[str, ...]]:
        """The order in force as the URL spells it, and as the database does. An unknown one is the default."""
        asked = self.request.GET.get("sort", "")
        name = asked if asked.lstrip("-") in self.orders and not asked.startswith("--") else self.default_order
        sign = "-" if name.startswith("-") else ""
        return name, tuple(f"{sign}{field}" for field in (*self.orders[name.lstrip("-")], "pk"))

    def get(self, request: HttpRequest, **kwargs) -> HttpResponseBase:
        request.GET = said(request)  # links on the page repeat the query: nothing empty in theirs either
        sort, fields = self.ordering()
        filters = self.filterset_class(request.GET, queryset=self.rows(), request=request)
        is_understood = filters.is_valid()
        found = filters.qs.order_by(*fields) if is_understood else filters.queryset.none()
        if request.GET.get("export") == "csv":
            if not may(request, "programme.export"):
                return forbidden(request, "programme.export")
            stamp = now(request.app).strftime("%Y%m%dT%H%M%SZ")
            return csv_response(f"{self.export_name}-{stamp}.csv", self.columns, self._all(found))
        page = self.paged(found)
        records = self.decorate(list(page.object_list))
        context = {
            "filters": filters,
            "is_understood": is_understood,
            "is_filtered": any(request.GET.get(name) for name in filters.filters),
            "page": page,
            "records": records,
            "sort": sort,
            "may_export": may(request, "programme.export"),
            "saved_views": SimpleLazyObject(
                lambda: views_of(request)
            ),  # a fragment does not show them, and pays nothing
            "view_page": page_of(request),
        } | self.more_context(page, **kwargs)
        is_fragment = request.htmx and not request.htmx.history_restore_request
        response = self.page(context, template=f"{self.template_name}#results" if is_fragment else "")
        patch_vary_headers(response, ["HX-Request"])
        if is_fragment:
            address = canonical(request)
            push_url(response, False if address == request.htmx.current_url_abs_path else address)
        return response

    def paged(self, found: QuerySet):
        """The page that the URL asks for; ``object_list`` holds its rows. One beyond the end is the last one."""
        return BoundedPaginator(found, self.per_page).get_page(self.request.GET.get("page"))

    def more_context(self, page, **kwargs) -> dict:
        """More for the template."""
        return {}

    def _all(self, found: QuerySet) -> Iterator:
        where = replica.source()
        for some in batches(found.using(where).iterator(chunk_size=500), 500):
            with replica.reading(where):
                decorated = self.decorate(some)
            yield from decorated


@dataclass(slots=True)
class DeepPage:
    """One page of a list that is too long to count: what is on it, and the ids from which the neighbours go on."""

    object_list: list
    older: str | None
    newer: str | None


class DeepListPage(ListPage):
    """A list of any length, newest first: ``?after=<id>`` goes on to older rows, ``?before=<id>`` back. No counting.

    ``order_field`` and the id order it; an index over both makes every page cost the same.
    """

    order_field = "created_at"

    def ordering(self) -> tuple[str, tuple[str, ...]]:
        return "", (f"-{self.order_field}", "-pk")

    def paged(self, found: QuerySet) -> DeepPage:
        after, before = self.request.GET.get("after"), self.request.GET.get("before")
        point = after or before
        at = self.rows().filter(pk=point).values_list(self.order_field, flat=True).first() if point else None
        field = self.order_field
        if at is not None and after:
            found = found.filter(beyond(field, (at, after), is_upwards=False))
        elif at is not None:
            found = found.filter(beyond(field, (at, before), is_upwards=True)).reverse()
        records = list(found[: self.per_page + 1])
        has_more, records = len(records) > self.per_page, records[: self.per_page]
        if at is not None and not after:
            records.reverse()
            return DeepPage(records, records[-1].pk if records else None, records[0].pk if has_more else None)
        is_first = at is None or not records
        return DeepPage(records, records[-1].pk if has_more else None, None if is_first else records[0].pk)


class KeyedListPage(DeepListPage):
    """A deep list in the order of a field that no two rows share: ``after`` and ``before`` are its values, and no place is looked up."""

    is_rising = False

    def key(self, told: str) -> object | None:
        """The value that ``after`` or ``before`` says; ``None`` begins at the first row."""
        return told or None

    def ordering(self) -> tuple[str, tuple[str, ...]]:
        return "", (self.order_field if self.is_rising else f"-{self.order_field}",)

    def paged(self, found: QuerySet) -> DeepPage:
        after, before = (self.key(self.request.GET.get(name, "")) for name in ("after", "before"))
        is_back = before is not None and after is None
        point, is_upwards = before if is_back else after, self.is_rising != is_back
        if point is not None:
            found = found.filter(**{f"{self.order_field}__{'gt' if is_upwards else 'lt'}": point})
        found = found.order_by(self.order_field if is_upwards else f"-{self.order_field}")
        records = list(found[: self.per_page + 1])
        has_more, records = len(records) > self.per_page, records[: self.per_page]
        if is_back:
            records.reverse()
        first, last = (getattr(records[end], self.order_field) if records else None for end in (0, -1))
        return DeepPage(
            records,
            last if is_back or has_more else None,
            first if point is not None and (has_more or not is_back) else None,
        )


def beyond(field: str, point: tuple, is_upwards: bool) -> Q:
    """Rows before a point (field, pk) of the order, or after it. The outer bound is where an index can begin: without it the
    hundredth page would read the ninety-nine before it."""
    at, pk = point
    side = "gt" if is_upwards else "lt"
    return Q(**{f"{field}__{side}e": at}) & (Q(**{f"{field}__{side}": at}) | Q(**{field: at, f"pk__{side}": pk}))


def within(field: str, point: tuple, is_upwards: bool) -> Q:
    """Rows up to a point (field, pk) of the order, itself included. Without an OR around it: a plan that is made for any value
    (PostgreSQL's choice for a prepared statement) must still stop at the bound in the index, and not filter what lies beyond."""
    at, pk = point
    side = "lt" if is_upwards else "gt"
    return Q(**{f"{field}__{side}e": at}) & (Q(**{f"{field}__{side}": at}) | Q(**{f"pk__{side}e": pk}))


def batches(records: Iterable, size: int) -> Iterator[list]:
    """The records in lists of at most ``size``."""
    some: list = []
    for record in records:
        some.append(record)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def said(request: HttpRequest) -> QueryDict:
    """The query without what is empty: ``?status=`` asks for nothing, and ``page=1`` is where one is anyway."""
    query = QueryDict(mutable=True)
    for name, values in request.GET.lists():
        if told := [value for value in values if value and (name, value) != ("page", "1")]:
            query.setlist(name, told)
    return query


def canonical(request: HttpRequest) -> str:
    """The one URL of what this list shows."""
    query = said(request).urlencode()
    return request.path + (f"?{query}" if query else "")
