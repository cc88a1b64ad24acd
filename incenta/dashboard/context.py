"""What every template may read. Only lazies: a fragment or a table cell that does not ask pays nothing."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from incenta.accounts.models import App
from incenta.api import metering

from .menu import menu_of
from .minute import kept
from .notifications import waiting


def shell(request: HttpRequest) -> dict:
    """``theme``, ``htmx_version``, ``my_apps`` (live apps of all the reader's merchants), and on an app's page ``menu``."""
    context = {"theme": getattr(request, "theme", "light"), "htmx_version": settings.HTMX_VERSION}
    if getattr(request, "app", None) is not None and getattr(request, "membership", None) is not None:
        context["menu"] = SimpleLazyObject(lambda: menu_of(request))
        context["notices"] = SimpleLazyObject(lambda: waiting(request))
        context["quota"] = SimpleLazyObject(lambda: quota_of(request.app))
    if getattr(request, "user", None) is not None:
        context["my_apps"] = SimpleLazyObject(lambda: apps_of(request.user))
    return context


def quota_of(app: App) -> dict:
    """What the top bar shows of this month's calls: ``{"calls", "limit", "percent", "nearly", …}``, up to a minute old."""
    used = kept(f"quota {app.pk}", lambda: metering.usage(app))
    return used | {
        "percent": min(100, 100 * used["calls"] // used["limit"]) if used["limit"] else 100,
        "nearly": used["limit"] * 8 // 10,
    }


def apps_of(user) -> list[App]:
    """The live apps of all merchants that this person works for, by merchant and name, in one query."""
    if not user.is_authenticated:
        return []
    apps = App.objects.filter(merchant__memberships__user=user, sandbox_of=None)
    return list(apps.select_related("merchant", "sandbox").order_by("merchant__name", "merchant_id", "name", "id"))
