"""The ``lucide`` tag of our templates: it draws each icon once a process. A page has some fifty, and they were a tenth of its time."""

from functools import lru_cache

from django import template
from lucide.templatetags.lucide import lucide as drawn

register = template.Library()


@register.simple_tag(name="lucide")
@lru_cache(maxsize=1024)
def icon(name: str, *, size: int | None = 24, **attributes: object) -> str:
    """The icon as SVG; ``attributes`` are those of its element, with ``_`` for ``-``."""
    return drawn(name, size=size, **attributes)
