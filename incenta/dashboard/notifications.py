"""What needs somebody, on a page of its own behind the bell: computed from what rooms tell the overview, not stored.

Somebody may put a notice away. That holds for what it says now: when it says something else, such as one more case, it is back.
"""

import hashlib

from django.http import HttpRequest, HttpResponse

from .minute import forget, kept
from .models import Dismissal
from .overview import ToDo, needed
from .pages import Action, AppPage

MOST_KEPT = 200
"""Dismissals of one person in one app: older ones are of notices that have long said something else."""


def key_of(todo: ToDo) -> str:
    return hashlib.blake2b(f"{todo.text}\n{todo.note}\n{todo.url}".encode(), digest_size=16).hexdigest()


def _place(request: HttpRequest) -> str:
    return f"notices {request.app.pk} {request.user.pk} {request.membership.role}"


def notices(request: HttpRequest) -> list[tuple[str, ToDo]]:
    """``[(key, what needs somebody)]`` that the reader's role may see, the weightiest first."""
    return [(key_of(todo), todo) for todo in needed(request)]


def waiting(request: HttpRequest) -> int:
    """The number on the bell: what needed somebody, at most a minute ago, and is not put away."""

    def count() -> int:
        keys = [key for key, _ in notices(request)]
        return len(keys) - _away(request, keys).count() if keys else 0

    return kept(_place(request), count)


def _away(request: HttpRequest, keys: list[str]):
    return Dismissal.objects.filter(app=request.app, user=request.user, notice__in=keys)


class Notifications(AppPage):
    section = "notifications"
    template_name = "dashboard/notifications.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        forget(_place(request))
        found = notices(request)
        away = set(_away(request, [key for key, _ in found]).values_list("notice", flat=True))
        context = {
            "here": [(key, todo) for key, todo in found if key not in away],
            "away": [(key, todo) for key, todo in found if key in away],
        }
        return self.page(context)


class Dismiss(Action):
    """POST ``notice``: away for this person, in this app, as long as it says the same. ``back``: it is shown again."""

    section = "notifications"
    is_back = False

    def act(self) -> str:
        forget(_place(self.request))
        notice = self.request.POST.get("notice", "")[:32]
        mine = Dismissal.objects.filter(app=self.request.app, user=self.request.user)
        if self.is_back:
            mine.filter(notice=notice).delete()
            return "The notice is shown again."
        if notice not in {key for key, _ in notices(self.request)}:
            return "This notice says something else by now, or needs nobody any more."
        Dismissal.objects.bulk_create(
            [Dismissal(app=self.request.app, user=self.request.user, notice=notice)], ignore_conflicts=True
        )
        kept_ids = mine.order_by("-pk").values("pk")[:MOST_KEPT]
        mine.exclude(pk__in=list(kept_ids.values_list("pk", flat=True))).delete()
        return "The notice is put away until it says something else."
