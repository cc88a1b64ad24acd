"""Every refusal in one shape: ``{"error": sentence, "code": …, "details": {field: [sentence]}, "requestId": …}``."""

import logging

from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.signals import got_request_exception
from django.db import DataError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework.exceptions import APIException, MethodNotAllowed, ValidationError

from incenta.api.json import TooLarge, dumps
from incenta.errors import DomainError, Forbidden, InvalidInput, NotFound
from incenta.serializers import flat

logger = logging.getLogger("incenta.api")

DATA_OF_THE_CLIENT = {"22003", "22021", "22P05", "22008"}
"""SQL states that only a value from the client brings about: out of range, not storable as text, no such date."""


class Unavailable(DomainError):
    """503: the database is away or too busy; the same request may be sent again."""

    status = 503
    code = "temporarily_unavailable"
    retry_after = 2

    def __init__(self, message: str = "The service is temporarily unavailable. Try again in a moment."):
        super().__init__(message=message)


class NotAllowed(DomainError):
    status = 405
    code = "method_not_allowed"

    def __init__(self, method: str, allowed: list[str]):
        super().__init__(
            message=f"{method} is not possible here; {', '.join(allowed)} is."
            if allowed
            else f"{method} is not possible here."
        )
        self.allowed = allowed


def _words(name: str) -> str:
    """``FraudFlag`` as ``fraud flag``."""
    return "".join(" " + letter.lower() if letter.isupper() else letter for letter in name).strip()


def as_domain_error(error: Exception) -> DomainError | None:
    """The refusal that an exception means, or ``None`` where it is a fault of ours."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, ValidationError):
        details = flat(error.detail)
        codes = {code for told in details.values() for code in (getattr(one, "code", "invalid") for one in told)}
        return InvalidInput(
            {field: [str(one) for one in told] for field, told in details.items()},
            code="unknown_field" if codes == {"unknown_field"} else None,
        )
    if isinstance(error, ObjectDoesNotExist):
        noun = _words(type(error).__qualname__.split(".")[0])
        return NotFound(f"{noun.replace(' ', '_')}_not_found", f"{noun.capitalize()} not found.")
    if isinstance(error, Http404):
        return NotFound("not_found", "There is nothing at this address.")
    if isinstance(error, RequestDataTooBig):
        return TooLarge()
    if isinstance(error, PermissionDenied):
        return Forbidden("forbidden", "This is not allowed.")
    if isinstance(error, UnreadablePostError | SuspiciousOperation):
        return InvalidInput(message="The request could not be read.")
    if isinstance(error, MethodNotAllowed):
        return NotAllowed("This method", [])
    if isinstance(error, APIException) and error.status_code < 500:
        return DomainError(error.default_code, str(error.detail), status=error.status_code)
    if isinstance(error, DataError) and getattr(error.__cause__, "sqlstate", None) in DATA_OF_THE_CLIENT:
        logger.warning("A value reached the database that a serializer should have refused.", exc_info=error)
        return InvalidInput(message="A value of the request is out of range.")
    if isinstance(error, OperationalError):
        logger.error("The database did not answer.", exc_info=error)
        return Unavailable()
    return None


def answer(error: DomainError, request_id: str) -> HttpResponse:
    """A refusal as the contract shows it."""
    payload = {"error": error.message, "code": error.code, "details": error.details, "requestId": request_id}
    response = HttpResponse(dumps(payload), status=error.status, content_type="application/json")
    response.error_code = error.code
    if (retry_after := getattr(error, "retry_after", None)) is not None:
        response.headers["Retry-After"] = str(retry_after)
    if isinstance(error, NotAllowed):
        response.headers["Allow"] = ", ".join(error.allowed)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def fault(error: Exception, request: HttpRequest) -> HttpResponse:
    """A fault of ours: told with its trace to the log, and to the client only by its request id."""
    request_id = getattr(request, "request_id", "")
    logger.error(
        "%s %s failed (%s)", request.method, request.path, request_id, exc_info=error, extra={"request_id": request_id}
    )
    got_request_exception.send(sender=None, request=request)
    unknown = DomainError(
        "internal_error", "Something went wrong on our side. Quote the request id when you report it.", status=500
    )
    return answer(unknown, request_id)


def refuse(error: Exception, request: HttpRequest) -> HttpResponse:
    """The answer to whatever was raised while a request was handled."""
    told = as_domain_error(error)
    return fault(error, request) if told is None else answer(told, getattr(request, "request_id", ""))


def handler(error: Exception, context: dict) -> HttpResponse:
    """DRF's ``EXCEPTION_HANDLER``, for views that are not an ``ApiView``."""
    return refuse(error, getattr(context["request"], "_request", context["request"]))
