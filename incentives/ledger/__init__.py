"""The ledger: every reward, coin, token and point of XP moves by transfers, and a balance is the sum of its transfers.

A transfer is a whole double entry in one row: one source, one target, an amount over zero. The wallet row of a user is THE lock
and carries the balances; triggers prove at commit that wallets, holds and lots equal what the transfers say, so that a balance
edited by hand cannot commit.

Cold callers use a verb: ``spend(app, "asha", COIN, 40, cause=…, cause_type="adjustment")``: one transaction (or the caller's).

Hot callers plan and splice::

    with transaction_joined():
        wallets = lock(app, [referrer, referee])                    # first of all locks; 1 statement (3 where a wallet is new)
        promise = wallets.move(referrer, GRANT, "USD", 500, cause=reward_id, cause_type="reward", occurred_at=now)
        sql.execute(f"WITH {WRITE}, rewards AS (INSERT …) SELECT 1", {**wallets.parameters(), …})

    with transaction_joined():                                      # later
        wallets = lock(app, [referrer])
        hold = holds(app, [promise_id])[promise_id]
        wallets.move(referrer, VOID, "USD", 200, hold=hold, cause=…, cause_type="reversal", occurred_at=now)   # a part
        wallets.move(referrer, POST, "USD", None, hold=hold, cause=…, cause_type="reward", occurred_at=now)    # the rest
        wallets.save()

Lock order, everywhere: wallets, then per-action guards, then stock, then counters. Lock all wallets of a transaction in one call.
"""

from .kinds import (
    CAPTURE,
    EARN,
    EXPIRE,
    GRANT,
    OPEN,
    PAYOUT,
    POST,
    POSTED,
    REFUND,
    RELEASE,
    RESERVE,
    REVERSE,
    SETTLE_IN,
    SETTLE_OUT,
    SPEND,
    VOID,
    VOIDED,
)
from .locking import holds, lock, transfers, welcome_with
from .refusals import (
    BalanceTooLarge,
    HoldClosed,
    HoldExceeded,
    IdemMismatch,
    InsufficientBalance,
    LotsNotLoaded,
    ReversalExceeded,
)
from .statements import WRITE
from .states import HoldState, LotState, TransferState, WalletState
from .verbs import capture, earn, expire, grant, payout, post, refund, release, reserve, reverse, spend, void
from .verifying import verify, verify_with
from .wallets import Wallets

__all__ = [
    "CAPTURE",
    "EARN",
    "EXPIRE",
    "GRANT",
    "OPEN",
    "PAYOUT",
    "POST",
    "POSTED",
    "REFUND",
    "RELEASE",
    "RESERVE",
    "REVERSE",
    "SETTLE_IN",
    "SETTLE_OUT",
    "SPEND",
    "VOID",
    "VOIDED",
    "WRITE",
    "BalanceTooLarge",
    "HoldClosed",
    "HoldExceeded",
    "HoldState",
    "IdemMismatch",
    "InsufficientBalance",
    "LotState",
    "LotsNotLoaded",
    "ReversalExceeded",
    "TransferState",
    "WalletState",
    "Wallets",
    "capture",
    "earn",
    "expire",
    "grant",
    "holds",
    "lock",
    "payout",
    "post",
    "refund",
    "release",
    "reserve",
    "reverse",
    "spend",
    "transfers",
    "verify",
    "verify_with",
    "void",
    "welcome_with",
]
