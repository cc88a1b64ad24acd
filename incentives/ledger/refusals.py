"""What the ledger refuses, and why. A refused movement has changed nothing."""

from incenta.errors import Conflict, DomainError


class InsufficientBalance(Conflict):
    """409. The available balance (or what of it has not expired) is smaller than the amount. ``details`` names both."""

    code = "insufficient_balance"


class BalanceTooLarge(Conflict):
    """409. The balance would leave the range of a 64-bit integer."""

    code = "balance_too_large"


class HoldClosed(Conflict):
    """409. The hold has been posted or voided before. ``details["state"]`` says which."""

    code = "hold_closed"


class HoldExceeded(Conflict):
    """409. More than what the hold still holds. ``details["openAmount"]`` says how much that is."""

    code = "hold_exceeded"


class ReversalExceeded(Conflict):
    """409. More than what is left of the transfer to take back. ``details["left"]`` says how much that is."""

    code = "reversal_exceeded"


class IdemMismatch(Conflict):
    """409. The idempotency key of a ledger verb was used before, for something else."""

    code = "idem_mismatch"


class LotsNotLoaded(RuntimeError):
    """A mistake of ours: points that expire were about to be moved without ``load_lots``."""


__all__ = [
    "BalanceTooLarge",
    "DomainError",
    "HoldClosed",
    "HoldExceeded",
    "IdemMismatch",
    "InsufficientBalance",
    "LotsNotLoaded",
    "ReversalExceeded",
]
