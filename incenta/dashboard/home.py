"""The doors: the public front page, the theme switch, and the entry that leads to the app one used last."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View

from .access import open_app
from .context import apps_of
from .middleware import THEMES
from .pages import SignedInPage


def front(request: HttpRequest) -> HttpResponse:
    """What Incenta is, for somebody who has never seen it."""
    return render(request, "front.html", {"api_url": settings.BASE_URL})


class Theme(View):
    """POST ``theme=light|dark``: remembers it for a year and goes back to the page it came from."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        back = request.POST.get("next", "")
        if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
            back = "/"
        response = redirect(back)
        theme = request.POST.get("theme")
        if theme in THEMES:
            response.set_cookie("theme", theme, max_age=31_536_000, samesite="Lax", secure=request.is_secure())
        return response


class Entry(SignedInPage):
    """``/dashboard/``: to the app one used last, else to the first one, else to naming one's business."""

    def get(self, request: HttpRequest) -> HttpResponse:
        last = request.session.get("app_id")
        if last and open_app(request.user, last):
            return redirect("dashboard:overview", last)
        first = next(iter(apps_of(request.user)), None)
        return redirect("dashboard:overview", first.pk) if first else redirect("dashboard:start")
