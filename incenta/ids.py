"""Public ids: a prefix that names the noun, and a ULID, so that ids sort by creation.

The primary key of a row *is* its public id. All prefixes stand on this page.
"""

from functools import partial

from django.db import models
from ulid import ULID

PREFIXES = {
    "acc": "ledger account",
    "adj": "adjustment of points",
    "app": "app",
    "awd": "badge given by hand",
    "biz": "marketplace profile",
    "bkf": "backfill of a rule",
    "bkt": "backtest of fraud rules",
    "camp": "campaign",
    "case": "fraud case",
    "click": "click",
    "conv": "conversion",
    "dcs": "fraud decision",
    "dlv": "webhook delivery",
    "evt": "incentive event",
    "file": "file beside a fraud case",
    "flag": "fraud flag",
    "inv": "invitation into a team",
    "item": "catalog item",
    "key": "API key",
    "lent": "entry of a fraud list",
    "lot": "lot of points",
    "lst": "marketplace listing",
    "mem": "membership",
    "mer": "merchant",
    "msg": "event, as the feed and webhooks show it",
    "mute": "fraud signal that is muted",
    "phd": "hold on a person",
    "plan": "plan",
    "pout": "payout that two persons decide",
    "prm": "marketplace promotion",
    "rdm": "redemption",
    "ref": "referral",
    "req": "request",
    "rev": "reversal of a conversion",
    "rew": "reward",
    "rpl": "webhook replay",
    "rset": "fraud rule set",
    "scr": "fraud score",
    "sig": "signing secret of user tokens",
    "stl": "settlement entry between two businesses",
    "trf": "ledger transfer",
    "usr": "participant",
    "wal": "wallet",
    "whk": "webhook endpoint",
    "whs": "webhook secret",
}


def new_id(prefix: str) -> str:
    """A fresh id such as ``camp_01m831b2qts05fen4vdq67f4qp``: 128 bits, the first 48 the time in milliseconds."""
    return f"{prefix}_{str(ULID()).lower()}"


class IdField(models.CharField):
    """The primary key of a noun. Collation "C": bytes compare, so the index is in order of creation and small."""

    def __init__(self, *args, prefix: str, **kwargs):
        if prefix not in PREFIXES:
            raise ValueError(f"{prefix!r} is not on the page of id prefixes")
        self.prefix = prefix
        kwargs |= {"primary_key": True, "max_length": 40, "db_collation": "C", "editable": False}
        kwargs["default"] = partial(new_id, prefix)
        super().__init__(*args, **kwargs)

    def db_type(self, connection):
        # Django adds a second index, for LIKE, to every key it sees as ``varchar``; under collation "C" the first one serves
        return f"character varying({self.max_length})"

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        for implied in ("primary_key", "max_length", "db_collation", "editable", "default"):
            kwargs.pop(implied, None)
        return name, path, args, kwargs | {"prefix": self.prefix}
