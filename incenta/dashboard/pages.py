"""The pages of one app: the app is in the URL, so a pasted link means the same to everybody who may open it."""

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.views import View
from django_htmx.http import HttpResponseClientRedirect

from incenta.accounts.permissions import who_can
from incenta.errors import DomainError, Forbidden, NotFound, Overtaken

from .access import governing, grantors, may, note_presence, open_app

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
"""What a page's form comes as; either is read by the check of CSRF tokens before any page."""


class SignedInPage(View):
    """A page for whoever is signed in. Its answers are never cached: after sign-out the back button shows nothing."""

    def dispatch(self, request: HttpRequest, *args, **kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        response = super().dispatch(request, *args, **kwargs)
        add_never_cache_headers(response)
        return response


class AppPage(SignedInPage):
    """A page of ``/dashboard/{app_id}/``. Sets ``request.app`` and ``request.membership``.

    Another tenant's app is a 404, as is an absent row; a role without ``permission`` gets a 403 that names whom to ask.
    """

    permission = "programme.read"
    section = ""
    """The menu entry that this page belongs to."""
    template_name = ""
    is_poll = False
    """Asked again and again by an open page, and not by the person: it keeps no session going, and is no sign that he was seen."""
    takes_files = False
    """Its form may send up to ``middleware.LARGEST_BODY``; others no more than a form without files can hold."""

    def dispatch(self, request: HttpRequest, *args, app_id: str = "", **kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        opened = open_app(request.user, app_id)
        if opened is None:
            raise Http404("app_not_found")
        request.membership, request.app = opened
        request.section = self.section
        if not self.is_poll:
            if request.session.get("app_id") != app_id:
                request.session["app_id"] = (
                    app_id  # where /dashboard/ leads next time; the URL alone decides what is shown
                )
            note_presence(request)
        if not may(request, self.permission):
            return forbidden(request, self.permission)
        if request.content_type in FORMS and _holds_nul(request):
            raise BadRequest("nul")  # no browser sends it, and nothing that holds it can be looked up or stored
        try:
            return super().dispatch(request, *args, **kwargs)
        except NotFound as error:
            raise Http404(error.code) from None
        except Forbidden as error:
            return forbidden(request, self.permission, error.message)

    def page(self, context: dict | None = None, *, template: str = "", status: int = 200) -> HttpResponse:
        """This page's template with ``app`` and ``membership`` beside what is given."""
        context = {"app": self.request.app, "membership": self.request.membership} | (context or {})
        return render(self.request, template or self.template_name, context, status=status)

    def url(self, name: str, *args) -> str:
        """The address of a page of the current app."""
        return reverse(f"dashboard:{name}", args=[self.request.app.pk, *args])


class Action(AppPage):
    """One verb behind a button: POST only, one call, then back to a page with a sentence of what happened."""

    http_method_names = ["post"]

    def act(self, **kwargs) -> str:
        """Calls the verb; answers the sentence to show. May raise ``DomainError``, which is shown instead."""
        raise NotImplementedError

    def back(self, **kwargs) -> str:
        """The URL to go to afterwards."""
        return self.url(self.section)

    def post(self, request: HttpRequest, **kwargs) -> HttpResponse:
        try:
            with transaction.atomic():
                told = self.act(**kwargs)
        except (NotFound, Forbidden):
            raise
        except DomainError as error:
            messages.error(request, error.message)
        except Overtaken:
            messages.error(request, "Somebody changed this at the same moment. Nothing was done: please try again.")
        else:
            messages.success(request, told)
        return redirect(self.back(**kwargs))


def _holds_nul(request: HttpRequest) -> bool:
    return any("\x00" in value for _, values in request.POST.lists() for value in values)


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page and back here afterwards. A fragment tells the browser to go: no form lands inside a table."""
    if request.htmx:
        response = redirect_to_login(request.htmx.current_url_abs_path or request.get_full_path())
        return HttpResponseClientRedirect(response.url)
    return redirect_to_login(request.get_full_path() if request.method == "GET" else reverse("dashboard:entry"))


def forbidden(request: HttpRequest, permission: str, message: str = "") -> HttpResponse:
    """403, saying which roles may and who can give such a role."""
    context = {
        "app": request.app,
        "membership": request.membership,
        "message": message,
        "roles": who_can(governing(request.app, permission)),
        "grantors": grantors(request.membership),
    }
    response = render(request, "dashboard/forbidden.html", context, status=403)
    add_never_cache_headers(response)
    return response
