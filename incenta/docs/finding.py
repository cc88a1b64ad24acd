"""What the command box finds in the documents: pages, their sections, operations and events, by all the words typed."""

from typing import NamedTuple

from django.urls import reverse

from incenta.dashboard.search import MOST, Found

from . import library, reference


class Place(NamedTuple):
    """Somewhere to go. ``weight``: the least comes first among those that fit alike."""

    text: str
    note: str
    url: str
    weight: int
    also: str = ""


def places() -> list[Place]:
    """Everything that can be found, a few hundred places, in memory."""
    found = []
    for label, entries in library.contents():
        for entry in entries:
            found.append(Place(entry.title, label, entry.url, 0, entry.slug))
            found += [Place(each.text, entry.title, f"{entry.url}#{each.slug}", each.level) for each in entry.headings]
    return found


def operations() -> list[Place]:
    found = []
    for resource in reference.resources().values():
        found.append(Place(resource.title, "Reference", resource.url, 1))
        for each in resource.operations:
            told = f"{each.method} {each.path}"
            found.append(Place(told, each.title, f"{resource.url}#{each.mark}", 2, each.mark))
    page = reverse("docs_events")
    found += [Place(each.name, "Event", f"{page}#{each.name}", 3) for each in reference.events()]
    return found


def best(among: list[Place], text: str, most: int = MOST) -> list[Found]:
    """Places that hold every word typed, those first whose name begins so."""
    words = text.casefold().split()
    if not words:
        return []
    fits = []
    for place in among:
        name, rest = place.text.casefold(), f"{place.text} {place.note} {place.also}".casefold()
        if all(word in rest for word in words):
            in_name = all(word in name for word in words)
            fits.append((not name.startswith(words[0]), not in_name, place.weight, place.text, place))
    return [Found(place.text, place.url, place.note) for *_, place in sorted(fits, key=lambda fit: fit[:4])[:most]]


def found(text: str, most: int = 8) -> list[dict]:
    """``[{"label", "icon", "found"}]`` for the docs' own box."""
    groups = [
        {"label": "Documents", "icon": "book-open", "found": best(places(), text, most)},
        {"label": "Reference", "icon": "braces", "found": best(operations(), text, most)},
    ]
    return [group for group in groups if group["found"]]
