"""``GET /r/{code}``: records the click and sends the friend on to the campaign's own page, never anywhere else."""

from urllib.parse import quote, unquote_plus, urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fraud.api import end_user
from incenta import clock
from incenta.accounts.models import App
from incenta.errors import BadRequest
from referrals import referring, rules
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
    app, campaign = referral.app, referral.campaign
    # a browser that only looks ahead has clicked nothing
    looks_ahead = request.method == "HEAD" or any(word in _purpose(request) for word in PREFETCHES)
    try:
        if app.status != App.Status.ACTIVE:
            raise BadRequest("campaign_not_active", f"The app is {app.get_status_display().lower()}.")
        if looks_ahead:
            rules.of_version(app, campaign.pk, campaign.version).require_open(clock.now(app))
        else:
            referring.click(
                app,
                code=referral.code,
                referee_id=referral.referee_id,
                context=end_user.visitor(request),
                actor=referring.LINK,
            )
    except BadRequest:
        return render(request, "referrals/link.html", {"outcome": "closed", "campaign": campaign}, status=410)
    if campaign.landing_url:
        response = HttpResponseRedirect(with_code(campaign.landing_url, referral.code))
    else:
        shown = {"outcome": "welcome", "campaign": campaign, "code": referral.code}
        response = render(request, "referrals/link.html", shown)
    if not looks_ahead:
        response.set_cookie(
            COOKIE,
            referral.code,
            max_age=COOKIE_DAYS * 86400,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return response


def _purpose(request: HttpRequest) -> str:
    return (
        request.headers.get("Sec-Purpose") or request.headers.get("Purpose") or request.headers.get("X-Moz") or ""
    ).lower()


def with_code(landing_url: str, code: str) -> str:
    """The landing page's address with ``ref`` set to the code; the rest of its query stays as the merchant wrote it."""
    parts = urlsplit(landing_url)
    kept = [pair for pair in parts.query.split("&") if pair and unquote_plus(pair.partition("=")[0]) != "ref"]
    return urlunsplit(parts._replace(query="&".join([*kept, f"ref={quote(code)}"])))
