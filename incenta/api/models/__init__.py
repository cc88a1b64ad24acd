"""What the plumbing keeps: answers for replays, the request log, and leases of call allotments."""

from .allotment import Allotment
from .call_day import CallDay
from .idempotency_record import IdempotencyRecord
from .request_log import RequestLog

__all__ = ["Allotment", "CallDay", "IdempotencyRecord", "RequestLog"]
