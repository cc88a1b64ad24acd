"""The base of every view of the API: who calls, may they, one transaction, one shape of answer."""

from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from incenta.accounts.models import ApiKey, App
from incenta.api import authentication, browser, errors, metering, transactions
from incenta.api.json import dumps, read
from incenta.errors import Forbidden, InvalidInput, NotFound


class ApiRequest(Request):
    """What a view is handed.

    ``app``: the tenant at which every query starts (shared between threads: read it, change a row of your own);
    ``api_key``; ``request_id``; ``caller_ip``: the merchant's server or a browser, never the end user;
    ``data``: the JSON body as Python values; ``query_params``.
    """

    app: App
    api_key: ApiKey
    own_user: str | None = None
    """The user whom a browser has proven to be by a token. A server proves nothing: it may name anybody."""

    def __init__(self, request: HttpRequest, view: "ApiView"):
        super().__init__(request)
        self._view = view
        self.request_id: str = getattr(request, "request_id", "")

    @property
    def data(self):
        """The body. An absent body reads as ``{}``. Raises ``InvalidInput``, or 413 and 415 in the error shape."""
        try:
            return self._json
        except AttributeError:
            pass
        body = self._request.body
        value = read(body, self._request.content_type or "") if body else {}
        if not isinstance(value, self._view.body_types):
            sentence = "The body must be a JSON object."
            raise InvalidInput({"body": [sentence]}, message=sentence)
        self._json = value
        return value

    @property
    def forwarded_ip(self) -> str | None:
        """The end user's address as the merchant's server forwards it, where the app has said that it does."""
        forwarded = self._request.META.get("HTTP_X_FORWARDED_FOR")
        if not forwarded or not self.app.trusts_forwarded_for:
            return None
        try:
            return str(ip_address(forwarded.partition(",")[0].strip()))
        except ValueError:
            return None

    @property
    def caller_ip(self) -> str:
        return authentication.caller_ip(self._request)

    @property
    def is_browser(self) -> bool:
        return self.api_key.scope == ApiKey.Scope.PUBLISHABLE

    def require_own(self, user_id: str) -> None:
        """Raises ``Forbidden`` ``not_your_user`` where a browser names anybody but its own user."""
        if self.is_browser and user_id != self.own_user:
            raise Forbidden("not_your_user", "The user token is another user's.")


class ApiView(APIView):
    """A view of ``/v1``. Handlers (``get``, ``post`` …) take the request and the values of the path, and return DRF's
    ``Response(data, status)``; what they raise becomes an answer in the contract's error shape.

    POST, PATCH, PUT and DELETE run inside one transaction, which may run again after a deadlock: a handler does nothing
    that a rollback does not undo. POST honours ``Idempotency-Key``.
    """

    serializer_class: type | None = None
    """What the body of POST, PATCH and PUT may be; the API's description shows it."""
    publishable: frozenset[str] = frozenset()
    """Methods that browsers may call with a publishable key from an allowed domain."""
    of_user: frozenset[str] = frozenset()
    """Those of them for which a browser also needs its user's token. A ``user_id`` in the path is then that user's, or refused."""
    point_of_sale = False
    """Whether tills may call this view with a key that can do nothing else."""
    public = False
    """Whether no key is needed; then ``request.app`` is not set."""
    body_types: tuple[type, ...] = (dict,)
    """What the top of a JSON body may be."""
    answers_secret = False
    """Whether an answer holds a secret that is shown once: it is then encrypted where it is kept for replays."""

    def dispatch(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        view_request = self.request = ApiRequest(request, self)
        request.api_view = self
        try:
            if not self.public:
                transactions.read(self._admit, view_request)
            method = request.method
            handler = getattr(self, method.lower(), None) if method.lower() in self.http_method_names else None
            if handler is None:
                raise errors.NotAllowed(method, self.allowed_methods)
            if method in ("GET", "HEAD"):
                return transactions.read(self._call, handler)
            return transactions.write(view_request, self._call, handler, answers_secret=self.answers_secret)
        except Exception as error:
            return errors.refuse(error, request)

    def _admit(self, request: ApiRequest) -> None:
        inner = request._request
        # a page of ours that has asked who it is names the key itself (``incenta.api.calling``); nobody else can
        key = getattr(inner, "opened_with", None) or authentication.identify(inner)
        request.api_key = inner.api_key = key
        request.app = inner.app = key.app
        method = "GET" if inner.method == "HEAD" else inner.method
        if request.is_browser:
            browser.refuse_flood(key, inner)
            browser.refuse_beyond_share(key)
        metering.admit(key, inner)
        may_browse = method in self.publishable
        authentication.authorize(key, inner, publishable=may_browse, point_of_sale=self.point_of_sale)
        if request.is_browser:
            request.own_user = browser.user_of(key, inner, is_needed=method in self.of_user)
            if method in self.of_user and "user_id" in self.kwargs:
                request.require_own(self.kwargs["user_id"])

    def _call(self, handler) -> HttpResponse:
        answer = handler(self.request, *self.args, **self.kwargs)
        if not isinstance(answer, Response):
            return answer
        if answer.status_code == 204:
            response = HttpResponse(status=204)
            del response.headers["Content-Type"]
        else:
            response = HttpResponse(dumps(answer.data), status=answer.status_code, content_type="application/json")
            response.data = answer.data
        for name, value in answer.headers.items():
            response.headers.setdefault(name, value)
        return response

    @property
    def allowed_methods(self) -> list[str]:
        names = ("get", "post", "put", "patch", "delete")
        found = [name.upper() for name in names if hasattr(self, name)]
        return [*found, "HEAD"] if "GET" in found else found

    def options(self, request, *args, **kwargs):
        return Response(status=204, headers={"Allow": ", ".join(self.allowed_methods)})


class Nowhere(ApiView):
    """Any address under the mounts that no view has."""

    def _nothing(self, request, *args, **kwargs):
        raise NotFound("not_found", f"There is nothing at {request._request.path}.")

    get = post = put = patch = delete = options = _nothing
