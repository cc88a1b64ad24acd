"""``GET /r/{code}``: records the click and sends the friend on to the campaign's own page, never anywhere else."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from incenta.errors import BadRequest

from referrals import referring
from referrals.models import Referral

COOKIE = "incenta_ref"
COOKIE_DAYS = 90
PREFETCHES = ("prefetch", "prerender", "preview")


@require_safe
@never_cache
def follow(request: HttpRequest, slug: str) -> HttpResponse:
    """302 to the campaign's ``landingUrl`` with ``ref=CODE``; without one, or when the campaign takes nothing, a page that says so."""
    referral = Referral.objects.select_related("campaign", "app").filter(slug=slug.strip().upper()).first()
    if referral is None:
        return render(request, "referrals/link.html", {"outcome": "unknown"}, status=404)
    try:
        # a browser that only looks ahead has clicked nothing
        if request.method == "GET" and not any(word in _purpose(request) for word in PREFETCHES):
            referring.click(referral.app, code=referral.code, actor="link")
    except BadRequest:
        return render(request, "referrals/link.html", {"outcome": "closed", "campaign": referral.campaign}, status=410)
    if not referral.campaign.landing_url:
        response = render(request, "referrals/link.html", {"outcome": "welcome", "campaign": referral.campaign, "code": referral.code})
    else:
        response = HttpResponseRedirect(with_code(referral.campaign.landing_url, referral.code))
    response.set_cookie(COOKIE, referral.code, max_age=COOKIE_DAYS * 86400, secure=request.is_secure(), httponly=True, samesite="Lax")
    return response


def _purpose(request: HttpRequest) -> str:
    return (request.headers.get("Sec-Purpose") or request.headers.get("Purpose") or request.headers.get("X-Moz") or "").lower()


def with_code(landing_url: str, code: str) -> str:
    """The landing page's address with ``ref`` set to the code, whatever else its query holds."""
    parts = urlsplit(landing_url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "ref"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("ref", code)])))
