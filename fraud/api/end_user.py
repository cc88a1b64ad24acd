"""Whom a call tells of: the end user, and never the merchant's server that calls."""

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest

from fraud import context
from fraud.context import Context
from incenta.api.authentication import caller_ip


def seen(request, sent: Mapping[str, str] | None) -> Context:
    """The end user of an API call by its ``context``. A browser with a publishable key is the end user himself, at his own address
    and with his own user agent. ``X-Forwarded-For`` counts only where the app trusts it and the context names no address."""
    inner: HttpRequest = getattr(request, "_request", request)
    caller, agent = caller_ip(inner), inner.META.get("HTTP_USER_AGENT")
    is_browser = request.api_key.scope == "publishable"
    told = dict(sent or {})
    if is_browser:
        told |= _of_connection(caller, agent)
    elif "ip" not in told and request.app.trusts_forwarded_for:
        header = inner.META.get("HTTP_X_FORWARDED_FOR")
        forwarded = context.forwarded_ip(header, caller=caller, behind_proxy=settings.BEHIND_PROXY)
        if forwarded is not None:
            told["ip"] = forwarded
    return context.of(told, caller=caller, caller_agent=agent, is_browser=is_browser)


def visitor(request: HttpRequest) -> Context:
    """Who follows a link in his own browser: by the connection, or by what our own proxy says of it."""
    sent = _of_connection(caller_ip(request), request.META.get("HTTP_USER_AGENT"))
    if language := request.META.get("HTTP_ACCEPT_LANGUAGE", "")[:255]:
        sent["acceptLanguage"] = language
    return context.of(sent, is_browser=True)


def _of_connection(address: str, agent: str | None) -> dict[str, str]:
    sent = {"ip": address[:45]} if context.read_address(address) is not None else {}
    if agent:
        sent["userAgent"] = agent[:1000]
    return sent
