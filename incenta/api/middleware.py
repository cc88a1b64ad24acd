"""The door of the API. It stands first and answers ``/v1``, ``/api/v1`` and the health checks by itself, so that none
of what pages need (sessions, users, CSRF tokens, security headers for HTML) runs for a call."""

import time
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.signals import request_started
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.urls import Resolver404, get_resolver

from incenta.api import authentication, errors, metering, request_id, request_log
from incenta.api.json import LARGEST_BODY, TooLarge
from incenta.errors import Forbidden, InvalidInput
from incenta.ids import new_id

MOUNTS = ("/v1/", "/api/v1/")
HEALTH = ("/healthz", "/readyz", "/metrics")
BROKEN = "incenta.broken_path"


def _note_broken_path(environ, **kwargs) -> None:
    """Django replaces invalid UTF-8 in the path before any middleware sees it: look while the bytes are still there."""
    path = environ.get("PATH_INFO", "")
    if not path.isascii():
        try:
            path.encode("latin-1").decode()
        except UnicodeError:
            environ[BROKEN] = True


request_started.connect(_note_broken_path, dispatch_uid="api-broken-path")


def _is_readable(request: HttpRequest) -> bool:
    """Whether path and query are UTF-8 without NUL: nothing else can be looked up in a database."""
    meta = request.META
    if meta.get(BROKEN) or "\x00" in request.path_info:
        return False
    query = meta.get("QUERY_STRING", "")
    if not query or (query.isascii() and "%" not in query and "\x00" not in query):
        return True
    try:
        return "\x00" not in unquote_to_bytes(query.encode("latin-1")).decode()
    except UnicodeError:
        return False


def _hsts() -> str:
    """What Django's own middleware, which does not run for a call, says to browsers."""
    value = f"max-age={settings.SECURE_HSTS_SECONDS}"
    return value + "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else value


class ApiMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response
        self.static_routes: dict[str, object] = {}
        self.wants_https = settings.SECURE_SSL_REDIRECT
        self.hsts = _hsts() if self.wants_https else None

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if path.startswith(MOUNTS):
            return self.answer(request)
        if not _is_readable(request):
            return HttpResponseBadRequest("The address is not valid.", content_type="text/plain")
        if path.rstrip("/") in HEALTH:
            match = get_resolver().resolve(path.rstrip("/"))
            return match.func(request, *match.args, **match.kwargs)
        return self._page(request)

    def _page(self, request: HttpRequest) -> HttpResponse:
        """A page has an id too, for the log alone."""
        tokens = request_id.current.set(new_id("req")), request_id.request.set(request)
        try:
            return self.get_response(request)
        finally:
            request_id.current.reset(tokens[0])
            request_id.request.reset(tokens[1])

    def answer(self, request: HttpRequest) -> HttpResponse:
        """One call of the API, from its request id to its line in the request log."""
        started = time.perf_counter()
        request.request_id = new_id("req")
        tokens = request_id.current.set(request.request_id), request_id.request.set(request)
        try:
            try:
                response = self._handle(request)
            except Exception as error:
                response = errors.refuse(error, request)
        finally:
            request_id.current.reset(tokens[0])
            request_id.request.reset(tokens[1])
        headers = response.headers
        headers["X-Request-Id"] = request.request_id
        limit, remaining, reset = getattr(request, "rate", None) or authentication.guesses_left(request)
        headers["RateLimit-Limit"] = str(limit)
        headers["RateLimit-Remaining"] = str(remaining)
        headers["RateLimit-Reset"] = str(reset)
        headers.setdefault("Cache-Control", "no-store")
        headers["X-Content-Type-Options"] = "nosniff"
        if self.hsts:
            headers["Strict-Transport-Security"] = self.hsts
        key = getattr(request, "api_key", None) or getattr(request, "shut_key", None)
        if key is not None and key.scope == "publishable":
            origin = request.META.get("HTTP_ORIGIN", "")
            headers["Vary"] = "Origin"
            if authentication.may_use(key.app, origin):
                headers["Access-Control-Allow-Origin"] = origin
                headers["Access-Control-Expose-Headers"] = EXPOSED
        if response.status_code >= 500:
            metering.forgive(request)
        if not response.streaming:
            headers["Content-Length"] = str(len(response.content))
        # Django would log every 4xx a second time
        response._has_been_logged = True
        request_log.note(request, response, time.perf_counter() - started)
        return response

    def _handle(self, request: HttpRequest) -> HttpResponse:
        if self.wants_https and not request.is_secure():
            # never redirected: the key has travelled in the clear already, and its owner should learn it
            raise Forbidden("https_required", "Call this address with https.")
        if not _is_readable(request):
            raise InvalidInput(message="The address is not valid UTF-8, or holds the NUL character.")
        match = self._resolve(request.path_info)
        request.resolver_match = match
        if request.method == "OPTIONS":
            return self._preflight(request, match)
        self._bound_body(request)
        return match.func(request, *match.args, **match.kwargs)

    def _resolve(self, path: str):
        match = self.static_routes.get(path)
        if match is not None:
            return match
        resolver = get_resolver()
        try:
            match = resolver.resolve(path)
        except Resolver404:
            try:
                match = resolver.resolve(path[:-1]) if path.endswith("/") else None
            except Resolver404:
                match = None
        if match is None:
            return NOWHERE
        if not match.kwargs and not match.args:
            self.static_routes[path] = match
        return match

    def _bound_body(self, request: HttpRequest) -> None:
        meta = request.META
        length = meta.get("CONTENT_LENGTH")
        if length:
            if not length.isdigit():
                raise InvalidInput(message="Content-Length is not a number.")
            if int(length) > LARGEST_BODY:
                raise TooLarge
        elif "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower():
            # Django reads nothing where no length is given
            body = meta["wsgi.input"].read(LARGEST_BODY + 1)
            if len(body) > LARGEST_BODY:
                raise TooLarge
            request._body = body

    def _preflight(self, request: HttpRequest, match) -> HttpResponse:
        """OPTIONS needs no key: a browser sends none with a preflight."""
        view = getattr(match.func, "cls", None)
        allowed = view(**match.func.initkwargs).allowed_methods if view is not None else []
        response = HttpResponse(status=204, headers={"Allow": ", ".join(allowed), "Vary": "Origin"})
        del response.headers["Content-Type"]
        origin = request.META.get("HTTP_ORIGIN", "")
        if origin and getattr(view, "publishable", None) and authentication.is_anyones(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(view.publishable))
            response.headers["Access-Control-Allow-Headers"] = (
                "authorization, content-type, idempotency-key, x-api-key, x-user-token"
            )
            response.headers["Access-Control-Max-Age"] = "600"
        return response


EXPOSED = "X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Idempotency-Replayed"


class _Nowhere:
    """Stands in for a resolver match where no route fits."""

    args: tuple = ()
    kwargs: dict = {}
    route = ""

    @property
    def func(self):
        from incenta.api.views import Nowhere

        return Nowhere.as_view()


NOWHERE = _Nowhere()
