"""Days as a reader means them: from midnight to midnight where he is, whatever clock change lies between."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import django_filters
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.forms import DateInput
from django.utils import timezone

EARLIEST, LATEST = date(1970, 1, 2), date(9000, 1, 1)
"""Beyond lie moments that some zone cannot tell."""


def midnight(day: date) -> datetime:
    """The first moment of a day in the reader's zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


class DayFilter(django_filters.DateFilter):
    """``DayFilter("created_at", is_end=True)``: rows up to the end of the day that is named; without ``is_end`` from its beginning."""

    def __init__(self, field_name: str, *, is_end: bool = False, **kwargs):
        kwargs.setdefault("widget", DateInput(attrs={"type": "date"}))
        kwargs.setdefault("validators", [MinValueValidator(EARLIEST), MaxValueValidator(LATEST)])
        super().__init__(field_name=field_name, **kwargs)
        self.is_end = is_end

    def filter(self, rows: QuerySet, value: date | None) -> QuerySet:
        if value is None:
            return rows
        if self.is_end:
            return rows.filter(**{f"{self.field_name}__lt": midnight(value + timedelta(days=1))})
        return rows.filter(**{f"{self.field_name}__gte": midnight(value)})


def from_and_to(field_name: str) -> Callable[[type], type]:
    """Gives a FilterSet the filters ``from`` and ``to`` over one of its moments; the first is a word of Python's."""

    def join(filterset: type) -> type:
        filterset.base_filters |= {
            "from": DayFilter(field_name, label="From"),
            "to": DayFilter(field_name, is_end=True, label="To"),
        }
        return filterset

    return join
