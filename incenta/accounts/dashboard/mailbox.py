"""The page where a developer reads the mails of an installation that sends none. There is no such page where DEBUG is off."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from incenta.accounts import mailbox

SHOWN = 30


def show(request: HttpRequest) -> HttpResponse:
    """Needs no sign-in, for it holds the mails without which one cannot."""
    if not settings.DEBUG or settings.EMAIL_BACKEND != mailbox.BACKEND:
        raise Http404("mailbox")
    response = render(request, "accounts/mailbox.html", {"mails": mailbox.newest(SHOWN)})
    add_never_cache_headers(response)
    return response
