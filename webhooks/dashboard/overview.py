"""What this room shows on the overview: endpoints that are not told what happens."""

from functools import partial

from django.http import HttpRequest
from django.urls import reverse

from incenta.accounts.models import App
from incenta.dashboard.access import may
from incenta.dashboard.overview import Shown, ToDo, Waiting, show_with
from webhooks.trouble import IN_TROUBLE, trouble_of

SAID = {
    "disabled": (75, "gets nothing any more"),
    "failing": (70, "does not answer as it should"),
    "gave_up": (30, "works, and missed deliveries"),
}

MOST_NAMED = 2


def todos(request: HttpRequest) -> Waiting | None:
    """The endpoints in trouble, the worst by name, for whoever looks after them."""
    return Waiting(IN_TROUBLE, partial(_waiting, request.app)) if may(request, "webhooks.manage") else None


def _waiting(app: App, rows: list[dict]) -> list[ToDo]:
    found = []
    for trouble in map(trouble_of, rows):
        weight, said = SAID[trouble.kind]
        count = trouble.given_up
        lost = f"{count:,} deliver{'y' if count == 1 else 'ies'} given up in a day" if count else ""
        url = reverse("dashboard:webhook", args=[app.pk, trouble.endpoint_id])
        found.append(
            ToDo(weight, f"A webhook endpoint {said}", url, "webhook", "; ".join(filter(None, [trouble.url, lost])))
        )
    if len(found) > MOST_NAMED:
        named = sorted(found, key=lambda todo: -todo.weight)[:MOST_NAMED]
        rest = len(found) - MOST_NAMED
        text = f"{rest} more webhook endpoint{' is' if rest == 1 else 's are'} in trouble"
        return [*named, ToDo(29, text, reverse("dashboard:webhooks", args=[app.pk]), "webhook")]
    return found


def register() -> None:
    """Names this room as one that the overview shows; once, when it is ready."""
    show_with("webhooks", Shown(todos=todos))
