"""Errors of the domain: each has a code for programs and a sentence for people. The API and the pages show the same one."""


class DomainError(Exception):
    """A verb was refused. ``message`` is a plain sentence, ``code`` is stable, ``details`` maps field to sentences or values."""

    status = 409
    code = "conflict"

    def __init__(
        self, code: str | None = None, message: str = "", *, status: int | None = None, details: dict | None = None
    ):
        super().__init__(message)
        self.code = code or self.code
        self.message = message
        self.status = status or self.status
        self.details = details or {}

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class InvalidInput(DomainError):
    """400. What was sent cannot be right whatever the state; nothing has begun, so nothing is remembered of it.

    ``details`` maps the offending field, as the client spells it, to a list of sentences.
    """

    status = 400
    code = "invalid_input"

    def __init__(self, details: dict | None = None, message: str = "", code: str | None = None):
        if not message:
            message = next(
                (f"{field}: {told[0]}" for field, told in (details or {}).items() if told), "The request is not valid."
            )
        super().__init__(code, message, details=details)


class BadRequest(DomainError):
    """400 that depends on the present state, such as a campaign that has ended."""

    status = 400
    code = "bad_request"


class Unauthorized(DomainError):
    status = 401
    code = "unauthorized"


class Forbidden(DomainError):
    status = 403
    code = "forbidden"


class NotFound(DomainError):
    """404: absent, or another tenant's; the two cannot be told apart."""

    status = 404
    code = "not_found"


class Conflict(DomainError):
    status = 409


class TooManyRequests(DomainError):
    """429. ``retry_after`` in whole seconds goes out as the header."""

    status = 429
    code = "rate_limited"

    def __init__(self, code: str, message: str, *, retry_after: int, details: dict | None = None):
        super().__init__(code, message, details=details)
        self.retry_after = retry_after


class Overtaken(Exception):
    """Somebody else committed what was about to be written, after it was looked for: nothing of this transaction may be kept,
    and all of it may be tried again in a new one, which finds what the other wrote."""
