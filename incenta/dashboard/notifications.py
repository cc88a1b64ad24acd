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
    return f"notices {request.app.pk} {request.membership.role}"


def notices(request: HttpRequest) -> list[tuple[str, ToDo]]:
    """``[(key, what needs somebody)]`` that the reader's role may see, the weightiest first."""
    return [(key_of(todo), todo) for todo in needed(request)]


def waiting(request: HttpRequest) -> int:
    """The number on the bell: what a minute ago needed somebody and is not put away. A statement only where there is something."""
    keys = kept(_place(request), lambda: [key for key, _ in notices(request)])
    if not keys:
        return 0
    away = Dismissal.objects.filter(app=request.app, user=request.user, notice__in=keys).count()
    return max(0, len(keys) - away)


class Notifications(AppPage):
    section = "notifications"
    template_name = "dashboard/notifications.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        forget(_place(request))
        found = notices(request)
        away = set(
            Dismissal.objects.filter(app=request.app, user=request.user, notice__in=[key for key, _ in found])
            .values_list("notice", flat=True)
        )  # fmt: skip
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
