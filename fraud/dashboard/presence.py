"""The strip above a case: who else has it open, and what has happened to it since the page was loaded."""

import hashlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from fraud import cases, presence
from fraud.models import CaseEvent
from fraud.presence import Seen, State
from incenta.dashboard.access import actor_of, actors
from incenta.dashboard.pages import AppPage

LESS = (*cases.BESIDE, "assigned")
"""What leaves the decision where it was: told where nothing else has happened."""


def left_for(request: HttpRequest) -> str:
    """The id of the case from whose page this one was asked for; nothing, where it was another page."""
    try:
        match = resolve(urlsplit(request.headers.get("Referer", "")).path)
    except (Resolver404, ValueError):
        return ""
    return match.kwargs["case_id"] if match.url_name == "fraud_case" else ""


def strip(
    request: HttpRequest, case_id: str, seen: Seen, *, since: State, address: str, names: dict[str, str] | None = None
) -> dict:
    """For ``fraud/presence.html``; ``names`` of the team, where they are known. At most three statements, none where nobody else is
    there and nothing has happened.

    ``said`` is what tells one strip from another: what is said already is not said again.
    """
    lines = presence.news(request.app, case_id, since, seen.state)
    people = {f"user:{other.user_id}": other for other in seen.others}
    if names is None:
        names = actors(request, people.keys() | {line.actor for line in lines}) if people or lines else {}
    others = [(names[key], other.since) for key, other in people.items() if key in names]
    told = [*map(str, (seen.state if seen.state != since else "", *(f"{name} {at}" for name, at in others)))]
    return {
        "others": others,
        "is_changed": seen.state != since,
        "news": _main(lines),
        "news_by": _who(request, _main(lines), names),
        "more": max(0, len(lines) - 1),
        "since": since,
        "said": hashlib.blake2b("\n".join(told).encode(), digest_size=6).hexdigest(),
        "address": address,
        "every": presence.EVERY_S,
    }


def _main(lines: Sequence[CaseEvent]) -> CaseEvent | None:
    """What matters most of it: whatever moves the decision, else the newest."""
    found = next((line for line in lines if line.kind not in LESS), lines[0] if lines else None)
    if found is not None:
        found.deed = cases.KINDS.get(found.kind, found.kind.replace("_", " "))
    return found


def _who(request: HttpRequest, line: CaseEvent | None, names: dict[str, str]) -> str:
    if line is None:
        return ""
    if line.actor == actor_of(request):
        return "You, in another window,"
    return names.get(line.actor) or ("Incenta" if line.actor in ("system", "deadline") else line.actor)


class Presence(AppPage):
    """``?since=…&said=…``, asked every 20 s by a page that is looked at: 204 where there is nothing new to say.

    It is the page that asks and not the person: it neither keeps a session going nor counts as having been seen.
    """

    section = "fraud"
    permission = "fraud.read"
    template_name = "fraud/presence.html"
    is_poll = True

    def dispatch(self, request: HttpRequest, *args, **kwargs) -> HttpResponseBase:
        if request.htmx and not request.user.is_authenticated:
            return HttpResponse(_signed_out(request))  # leading away would lose a note that is half written
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, case_id: str) -> HttpResponse:
        here = self.url("fraud_case", case_id)
        if not request.htmx:
            cases.get(request.app, case_id)
            return redirect(here)
        seen = presence.note(request.app, case_id, request.user.pk)
        since = State.told(request.GET.get("since", "")) or seen.state
        page = urlsplit(request.htmx.current_url_abs_path or "")
        address = f"{here}?{page.query}" if page.path == here and page.query else here
        told = strip(request, case_id, seen, since=since, address=address)
        if told["said"] == request.GET.get("said"):
            return HttpResponse(status=204)
        return self.page({"presence": told, "case_id": case_id})


def _signed_out(request: HttpRequest) -> str:
    """It asks no more."""
    door = f"{reverse('account_login')}?{urlencode({'next': request.htmx.current_url_abs_path or '/dashboard/'})}"
    words = '<p class="i-presence-news"><span>You are signed out.</span> <a href="{}">Sign in</a></p>'
    return format_html(words, door)
