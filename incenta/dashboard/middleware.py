"""How a page looks to this person: the theme from a cookie, times in their own zone."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

THEMES = ("light", "dark")


class DashboardMiddleware:
    """Sets ``request.theme`` and activates the zone of whoever is signed in.

    The theme is known before the first byte goes out, so a dark page never flashes white.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
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


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError):  # unknown, empty, or no name at all
        return ZoneInfo("UTC")
