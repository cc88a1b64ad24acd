"""Several questions in one statement: what is found of each, as plain values."""

from collections.abc import Mapping
from typing import NamedTuple

from django.db.models import Func, QuerySet, TextField, Value
from django.db.models.functions import Cast

from incenta.events.models import OrderedJSONField


class Question(NamedTuple):
    """Rows, and which of their fields are wanted. Each is found by an index by itself: a union plans its parts apart."""

    rows: QuerySet
    fields: tuple[str, ...]


def asked(questions: Mapping[str, Question]) -> dict[str, list[list]]:
    """``{question: [[value, …], …]}``, in one statement, or none where nothing can be found. In no order, and as JSON tells values:
    a moment is a text."""
    found: dict[str, list[list]] = {name: [] for name in questions}
    parts = [
        question.rows.order_by().values_list(
            Cast(Value(name), TextField()),
            Func(*question.fields, function="json_build_array", output_field=OrderedJSONField()),
        )
        for name, question in questions.items()
    ]
    if parts:
        for name, values in parts[0].union(*parts[1:], all=True):
            found[name].append(values)
    return found
