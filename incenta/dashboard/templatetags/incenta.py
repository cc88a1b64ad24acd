"""Tags of our own pages."""

import json
from datetime import datetime
from urllib.parse import urlsplit

from django import template
from django.conf import settings
from django.http.request import validate_host
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from incenta import money
from incenta.dashboard import svg
from incenta.dashboard.access import may as is_allowed

register = template.Library()

LOOPBACK = ("127.0.0.1", "::1")


@register.simple_tag(takes_context=True)
def app_url(context: dict, name: str, *args) -> str:
    """The address of a page of the current app: ``{% app_url "campaign" campaign.pk %}``."""
    return reverse(f"dashboard:{name}", args=[context["request"].app.pk, *args])


@register.filter
def may(request, permission: str) -> bool:
    """``{% if request|may:"campaigns.edit" %}``"""
    return is_allowed(request, permission)


@register.simple_tag
def swap(url: str) -> SafeString:
    """Attributes of a link that replaces the results in place, and works as a plain link without JavaScript."""
    return format_html(
        'href="{0}" hx-get="{0}" hx-target="#results" hx-sync="#results:replace" hx-push-url="true"', url or "?"
    )


@register.simple_tag
def next_sort(name: str, sort: str) -> str:
    """What a click on this column's head asks for: ascending first, then the other way round."""
    return f"-{name}" if sort == name else name


@register.simple_tag
def sort_state(name: str, sort: str) -> str:
    """The column's ``aria-sort``."""
    return {name: "ascending", f"-{name}": "descending"}.get(sort, "none")


@register.simple_tag(takes_context=True)
def at_name(context: dict, path: str) -> str:
    """Where passkeys work: they belong to a name, so whoever called this machine by its number is led to its name. Elsewhere the
    path as it is."""
    request = context["request"]
    here = urlsplit(f"//{request.get_host()}")
    if here.hostname not in LOOPBACK or not validate_host("localhost", settings.ALLOWED_HOSTS):
        return path
    return f"{request.scheme}://localhost{f':{here.port}' if here.port else ''}{path}"


@register.simple_tag
def funnel(steps: list[tuple[str, int]]) -> SafeString:
    return svg.funnel(steps)


@register.simple_tag
def bars(values: list[tuple[str, int]], label: str) -> SafeString:
    return svg.bars(values, label)


@register.filter
def highest(values: list[tuple[str, int]]) -> int:
    """The highest of what ``bars`` draws."""
    return max((count for _, count in values), default=0)


@register.filter
def amount(minor: int | None, asset: str) -> str:
    """``{{ minor|amount:"USD" }}`` → ``USD 1,234.50``; an absent amount is a dash."""
    return "–" if minor is None else money.display(minor, asset)


@register.simple_tag(takes_context=True)
def mode_url(context: dict, app_id: str) -> str:
    """The same list in the app's twin. An object's page leads to its list, for the twin has no such object."""
    return reverse(f"dashboard:{context['request'].section or 'campaigns'}", args=[app_id])


@register.filter
def count(number: int) -> str:
    """``12,345``"""
    return f"{number:,}"


@register.filter
def is_moment(value: object) -> bool:
    return isinstance(value, datetime)


@register.filter
def told(value: object) -> str:
    """A rule's value in words: nothing, yes and no, or what it is."""
    if value is None or value == "" or value == []:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


@register.filter
def has_error_in(form, names: str) -> bool:
    """Whether one of these fields was refused: a folded part of a form then opens."""
    return any(form.has_error(name) for name in names.split())


@register.filter
def pretty(data: object) -> str:
    """JSON for a reader's eyes."""
    return json.dumps(data, indent=2, ensure_ascii=False)


@register.filter
def shown_by(value: int, number) -> str:
    """A part of an overview's number, shown as the number is."""
    return number.show(value)
