"""What every template may read. Only lazies: a fragment or a table cell that does not ask pays nothing."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from incenta.accounts.models import App

from .menu import menu_of


def shell(request: HttpRequest) -> dict:
    """``theme``, ``htmx_version``, ``my_apps`` (live apps of all the reader's merchants), and on an app's page ``menu``."""
    context = {"theme": getattr(request, "theme", "light"), "htmx_version": settings.HTMX_VERSION}
    if getattr(request, "app", None) is not None and getattr(request, "membership", None) is not None:
        context["menu"] = SimpleLazyObject(lambda: menu_of(request))
    if getattr(request, "user", None) is not None:
        context["my_apps"] = SimpleLazyObject(lambda: apps_of(request.user))
    return context


def apps_of(user) -> list[App]:
    """The live apps of all merchants that this person works for, by merchant and name, in one query."""
    if not user.is_authenticated:
        return []
    apps = App.objects.filter(merchant__memberships__user=user, sandbox_of=None)
    return list(apps.select_related("merchant", "sandbox").order_by("merchant__name", "merchant_id", "name", "id"))
