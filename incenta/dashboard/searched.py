"""A deep list whose filters no index serves: one page looks through so many rows and no more, and says how far it came.

So a filter that nothing fits costs the same among a million rows as among ten thousand, and the reader goes on where it stopped.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from .lists import DeepListPage, DeepPage, beyond, within


@dataclass(slots=True)
class SearchedPage(DeepPage):
    looked_to: datetime | None = None
    """How far back this page looked, where it stopped for that; ``older`` then goes on from there."""


class SearchedListPage(DeepListPage):
    """What ``indexed`` names is found by an index, wherever it stands, and comes first; what else is asked is looked for in that."""

    reach = 5_000
    """Rows that a page looks through at most for a filter that no index serves."""
    time_field = "created_at"
    indexed: tuple[str, ...] = ()

    def is_indexed(self, name: str) -> bool:
        """Whether an index serves this filter, as it is asked."""
        return name in self.indexed

    def is_filtered(self) -> bool:
        """Whether anything is asked for that no index serves."""
        return any(
            self.request.GET.get(name) and not self.is_indexed(name) for name in self.filterset_class.base_filters
        )

    def base(self) -> QuerySet:
        """What is looked through: the rows, narrowed by what indexes serve."""
        told = self.request.GET.copy()
        for name in list(told):
            if not self.is_indexed(name):
                told.pop(name)
        return self.filterset_class(told, queryset=self.rows(), request=self.request).qs if told else self.rows()

    def paged(self, found: QuerySet) -> DeepPage:
        field = self.order_field
        after, before = self.request.GET.get("after"), self.request.GET.get("before")
        start = self.rows().filter(pk=after or before).values_list(field, "pk").first() if after or before else None
        is_upwards = start is not None and not after
        rows, found = (side.order_by(f"-{field}", "-pk") for side in (self.base(), found))
        if is_upwards:
            rows, found = rows.reverse(), found.reverse()
        if start is not None:
            rows, found = (side.filter(beyond(field, start, is_upwards)) for side in (rows, found))
        last = None
        if self.is_filtered():
            last = rows.values_list(field, "pk")[self.reach - 1 : self.reach].first()
            if last is not None:
                found = found.filter(within(field, last, is_upwards))
        records = list(found[: self.per_page + 1])
        has_more, records = len(records) > self.per_page, records[: self.per_page]
        goes_on = records[-1].pk if has_more else last[1] if last else None
        is_first = start is None
        if is_upwards:
            records.reverse()
            return SearchedPage(records, start[1] if not records else records[-1].pk, goes_on)
        page = SearchedPage(records, goes_on, None if is_first else (records[0].pk if records else start[1]))
        if last is not None and not has_more:
            page.looked_to = self.rows().filter(pk=last[1]).values_list(self.time_field, flat=True).first()
        return page
