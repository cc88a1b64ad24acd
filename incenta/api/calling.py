"""A call of the API from the inside: the dashboard's buttons go through the very door that a merchant's server knocks at, with
its checks, limits, request id and line in the request log. Only the secret is not needed: the page has said who asks.
"""

import json
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from urllib.parse import unquote_to_bytes

from django.core.handlers.wsgi import WSGIRequest

from incenta.accounts.models import ApiKey, App

from . import request_log
from .middleware import ApiMiddleware

AGENT = "Incenta dashboard"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict | list | None
    request_id: str


@cache
def _door() -> ApiMiddleware:
    return ApiMiddleware(lambda request: None)


def newest_key(app: App) -> ApiKey | None:
    """The key with which a page of this app's calls: the newest of its full ones in use, with its plan; ``None`` without one."""
    keys = ApiKey.objects.in_use(app).filter(scope=ApiKey.Scope.FULL)
    return keys.select_related("app__merchant__plan").order_by("-created_at").first()


def call(
    key: ApiKey, method: str, path: str, body: dict | None = None, *, idempotency_key: str = "", address: str = ""
) -> Answer:
    """Makes one call with this key and waits until it stands in the request log. ``path`` begins with ``/v1/``, is quoted as it is in
    an address, and may carry a query; ``address`` is that of whoever pressed the button. Never raises for what the API refuses: that
    is its answer.
    """
    path, _, query = path.partition("?")
    sent = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),  # as servers hand it over (PEP 3333)
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": address,
        "HTTP_X_FORWARDED_FOR": address,
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_USER_AGENT": AGENT,
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(sent),
        "CONTENT_LENGTH": str(len(sent)) if sent else "",
        "CONTENT_TYPE": "application/json" if sent else "",
    }
    if idempotency_key:
        environ["HTTP_IDEMPOTENCY_KEY"] = idempotency_key
    request = WSGIRequest(environ)
    request.opened_with = key
    response = _door().answer(request)
    request_log.flush()
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return Answer(response.status_code, json.loads(content) if content else None, request.request_id)
