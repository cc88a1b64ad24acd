"""The refusals that every operation shares, for the API's description: what each status means, and the codes that any call may get."""

from typing import NamedTuple

from incenta.api.examples import Face, Free

REQUEST_ID = "req_01m831b2qts05fen4vdq67f4qp"
ERROR = Face(
    "Error",
    {
        "error": "Referral code not found",
        "code": "referral_not_found",
        "details": Free({}),
        "requestId": REQUEST_ID,
    },
)


class Refusal(NamedTuple):
    """``codes``: what any call may be told. ``error`` and ``details`` belong to the first of them, as an example."""

    name: str
    text: str
    codes: tuple[str, ...]
    error: str
    details: dict = {}

    @property
    def description(self) -> str:
        told = ", ".join(f"`{code}`" for code in self.codes)
        return f"{self.text} Of any call: {told}."

    @property
    def example(self) -> dict:
        return {"error": self.error, "code": self.codes[0], "details": self.details, "requestId": REQUEST_ID}


REFUSALS: dict[int, Refusal] = {
    400: Refusal(
        "BadRequest",
        "The input is not valid, or the present state does not allow it. `details` names the fields.",
        ("invalid_input", "invalid_json", "unknown_field", "unknown_parameter"),
        "amount: Must not be negative.",
        {"amount": ["Must not be negative."]},
    ),
    401: Refusal(
        "Unauthorized",
        "There is no API key, or it is not valid; or a browser's user token is not.",
        (
            *("unauthorized", "key_expired", "ambiguous_key"),
            *("user_token_required", "user_token_invalid", "user_token_expired"),
        ),
        "The API key is not valid.",
    ),
    403: Refusal(
        "Forbidden",
        "The app is suspended, or the key does not reach this.",
        ("missing_scope", "app_suspended", "secret_key_in_browser", "not_your_user", "https_required", "forbidden"),
        "This key may only read.",
    ),
    404: Refusal(
        "NotFound", "There is no such thing in this app.", ("not_found",), "There is nothing at this address."
    ),
    409: Refusal(
        "Conflict",
        "The present state refuses it; `code` says why.",
        ("idempotency_in_progress",),
        "A request with this Idempotency-Key is still running.",
    ),
    413: Refusal("BodyTooLarge", "The body is over 1 MiB.", ("body_too_large",), "The request body is over 1 MiB."),
    415: Refusal(
        "UnsupportedMediaType",
        "The body is not JSON.",
        ("unsupported_media_type",),
        "Send JSON, with Content-Type: application/json.",
    ),
    422: Refusal(
        "IdempotencyKeyReused",
        "The `Idempotency-Key` was used for a different request.",
        ("idempotency_key_reused",),
        "This Idempotency-Key was used for another request.",
    ),
    429: Refusal(
        "TooManyRequests",
        "A limit is reached. `Retry-After` tells when to come again, in seconds.",
        ("rate_limited", "monthly_limit_exceeded"),
        "This key may make 600 calls a minute.",
    ),
    500: Refusal(
        "InternalError",
        "A fault of ours. Quote `requestId` when you report it.",
        ("internal_error",),
        "Something went wrong on our side. Quote the request id when you report it.",
    ),
    503: Refusal(
        "Unavailable",
        "Try again after `Retry-After` seconds.",
        ("temporarily_unavailable",),
        "The service is temporarily unavailable. Try again in a moment.",
    ),
}
OF_PUBLIC = (429, 500, 503)
OF_READING = (400, 401, 403, 404, 429, 500, 503)
OF_WRITING = (400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503)
"""The statuses that a call may be refused with; an address that names nothing is not looked for, so 404 needs a name or a code."""
