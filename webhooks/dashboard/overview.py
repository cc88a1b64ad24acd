"""What this room shows on the overview: endpoints that are not told what happens."""

from django.http import HttpRequest
from django.urls import reverse

from incenta.dashboard.access import may
from incenta.dashboard.overview import Shown, ToDo, show_with
from webhooks.trouble import endpoints_in_trouble

SAID = {
    "disabled": (75, "gets nothing any more"),
    "failing": (70, "does not answer as it should"),
    "gave_up": (30, "works, and missed deliveries"),
}

MOST_NAMED = 2


def todos(request: HttpRequest) -> list[ToDo]:
    """The endpoints in trouble, the worst by name, for whoever looks after them. One statement."""
    if not may(request, "webhooks.manage"):
        return []
    found = []
    for trouble in endpoints_in_trouble(request.app):
        weight, said = SAID[trouble.kind]
        count = trouble.given_up
        lost = f"{count:,} deliver{'y' if count == 1 else 'ies'} given up in a day" if count else ""
        url = reverse("dashboard:webhook", args=[request.app.pk, trouble.endpoint_id])
        found.append(
            ToDo(weight, f"A webhook endpoint {said}", url, "webhook", "; ".join(filter(None, [trouble.url, lost])))
        )
    if len(found) > MOST_NAMED:
        named = sorted(found, key=lambda todo: -todo.weight)[:MOST_NAMED]
        rest = len(found) - MOST_NAMED
        text = f"{rest} more webhook endpoint{' is' if rest == 1 else 's are'} in trouble"
        return [*named, ToDo(29, text, reverse("dashboard:webhooks", args=[request.app.pk]), "webhook")]
    return found


def register() -> None:
    """Names this room as one that the overview shows; once, when it is ready."""
    show_with("webhooks", Shown(todos=todos))
