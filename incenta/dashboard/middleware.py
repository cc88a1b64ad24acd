"""How a page looks to this person: the theme from a cookie, times in their own zone."""

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpResponseBadRequest
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils import timezone

THEMES = ("light", "dark")
LARGEST_BODY = 16 * 1024 * 1024
"""Bytes that the form of a page that takes files may send: more than the largest file, so that the page can say so itself."""


class DashboardMiddleware:
    """Sets ``request.theme`` and activates the zone of whoever is signed in.

    The theme is known before the first byte goes out, so a dark page never flashes white.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not _is_address(request.META.get("HTTP_HX_CURRENT_URL", "")):
            del request.META["HTTP_HX_CURRENT_URL"]  # nobody's browser says so, and ``request.htmx`` would fail over it
        theme = request.COOKIES.get("theme")
        request.theme = theme if theme in THEMES else "light"
        # without a session cookie nobody is signed in, and the public pages stay free of queries
        zone = (
            request.user.timezone
            if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated
            else "UTC"
        )
        with timezone.override(_zone(zone)):
            return self.get_response(request)


class LargestBodyMiddleware:
    """Refuses what is too large by its announced length, before anything reads it: not into memory, not onto disk. That is what is
    over ``LARGEST_BODY`` for a page that takes files, and for any other what Django would read of a form without any.

    It stands last, so that its page looks like the others; views and the check of CSRF tokens, which read bodies, come after it.
    A body whose length is not announced is not read at all by Django.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdecimal()):
            return HttpResponseBadRequest("Content-Length is not a number.", content_type="text/plain")
        if int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE and int(length) > (
            largest := largest_body(request.path_info)
        ):
            response = render(request, "413.html", {"largest": largest // 1024 // 1024}, status=413)
            response["Connection"] = "close"
            return response
        return self.get_response(request)


def largest_body(path: str) -> int:
    """Bytes that may be sent to this address."""
    try:
        view = getattr(resolve(path).func, "view_class", None)
    except Resolver404:
        view = None
    return LARGEST_BODY if getattr(view, "takes_files", False) else settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def _is_address(text: str) -> bool:
    try:
        urlsplit(text)
    except ValueError:
        return False
    return True


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError):  # unknown, empty, or no name at all
        return ZoneInfo("UTC")
