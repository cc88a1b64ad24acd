"""What to do about a refusal, by its code, and by its status where the code says nothing more."""

BY_CODE = {
    "unknown_field": "A field is misspelt, or does not exist: details names it.",
    "invalid_input": "details names each field that is wrong, and why.",
    "unauthorized": "The key is missing or not known. Live keys open the live app only, inc_test_ keys the sandbox.",
    "idempotency_key_reused": "The same Idempotency-Key came with another request. Make a new one for each thing that you do.",
    "idempotency_in_progress": "The first request with this Idempotency-Key is still running. Wait a moment and repeat it.",
    "monthly_limit_exceeded": "The month’s calls are used up. The plan can be raised.",
    "rate_limited": "Wait as long as Retry-After says, then go on more slowly.",
    "method_not_allowed": "This address knows other methods: the Allow header names them.",
    "not_found": "There is no such address. Paths begin with /v1/ and have no slash at the end.",
    "https_required": "Call with https. The key has travelled in the clear: roll it.",
    "internal_error": "The fault is ours. Repeat it with the same Idempotency-Key, and tell us the request id.",
    "temporarily_unavailable": "Repeat it in a moment, with the same Idempotency-Key.",
    "insufficient_balance": "The user has fewer points than this costs. Nothing was taken.",
    "insufficient_scope": "This key may not do that. Make one with a wider scope.",
    "webhook_disabled": "Resume the endpoint first.",
}
BY_STATUS = {
    400: "What was sent cannot be right: details names the field.",
    401: "The key is missing, revoked or expired.",
    403: "The key’s scope or the app’s state does not allow it.",
    404: "It is not there, or belongs to another app: look at the id and at which key is used.",
    409: "It does not fit the present state. Read it anew, then decide.",
    413: "A body may have 1 MiB.",
    415: "Send JSON.",
    422: "The request contradicts an earlier one.",
    429: "Wait as long as Retry-After says.",
}


def advice(status: int, code: str) -> str:
    """A sentence; empty where there is nothing to say."""
    told = BY_CODE.get(code) or BY_STATUS.get(status, "")
    return told or (BY_CODE["internal_error"] if status >= 500 else "")
