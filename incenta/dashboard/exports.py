"""CSV of exactly what is shown: the filtered set, all pages, times in UTC; streamed, and safe in a spreadsheet."""

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from django.http import StreamingHttpResponse

from incenta.clock import iso

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def cell(value: object) -> object:
    """What goes into the file. A text that a spreadsheet would run gets an apostrophe (OWASP, CSV injection)."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def csv_response(filename: str, columns: list[tuple[str, Callable]], records: Iterable) -> StreamingHttpResponse:
    """Streams one line a record; ``columns`` are ``(header, reader of a record)``."""

    class Line:
        def write(self, text: str) -> str:
            return text

    writer = csv.writer(Line())

    def lines() -> Iterator[str]:
        yield "\ufeff" + writer.writerow([header for header, _ in columns])  # the mark makes spreadsheets read UTF-8
        for record in records:
            yield writer.writerow([cell(read(record)) for _, read in columns])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
