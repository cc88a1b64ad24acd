"""The ledger's tables. Nobody writes them through the ORM: rows come from ``Wallets.save`` and are proved by triggers at commit.

The hot tables carry no foreign-key *constraints* (they cost a third of the throughput); the triggers prove what those would.
"""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Least
from django.db.models.lookups import GreaterThanOrEqual

from incenta.accounts.models import App
from incenta.ids import IdField

from .kinds import GRANT, OPEN, POSTED, RESERVE, VOIDED


def _hot(to, related_name: str | None = None, **options) -> models.ForeignKey:
    options = {"on_delete": models.PROTECT, "db_constraint": False, "db_index": False} | options
    return models.ForeignKey(to, related_name=related_name or "+", **options)


class Wallet(models.Model):
    """One user's balances in one app: the row that is locked before anything of that user's moves."""

    id = IdField(prefix="wal")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="wallets", db_index=False)
    user_id = models.CharField(max_length=255, db_collation="C")
    seq = models.BigIntegerField(default=0, help_text="How many transfers it has had.")
    xp = models.BigIntegerField(default=0)
    coins = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    xp_held = models.BigIntegerField(default=0)
    coins_held = models.BigIntegerField(default=0)
    tokens_held = models.BigIntegerField(default=0)
    xp_dated = models.BigIntegerField(default=0, help_text="Of the available, what is in lots that expire.")
    coins_dated = models.BigIntegerField(default=0)
    tokens_dated = models.BigIntegerField(default=0)
    money = models.JSONField(default=dict, help_text='{"GBP": {"available": minor, "held": minor}}')
    may_owe = models.BooleanField(default=False, help_text="Points may be below zero: the app allows it, or did.")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "user_id"], name="wallet_of_user"),
            models.CheckConstraint(
                condition=Q(may_owe=True) | Q(GreaterThanOrEqual(Least("xp", "coins", "tokens"), 0)),
                name="wallet_points_not_owed",
            ),
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Least("xp_held", "coins_held", "tokens_held"), 0),
                name="wallet_held_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} ({self.id})"


class Transfer(models.Model):
    """One movement, a whole double entry: append-only, refused to UPDATE and DELETE by a trigger."""

    id = IdField(prefix="trf")
    app = _hot(App, "transfers")
    wallet = _hot(Wallet, "transfers")
    seq = models.BigIntegerField(help_text="1, 2, 3 … in its wallet, over all assets.")
    asset = models.CharField(max_length=5, help_text="XP, COIN, TOKEN or a currency.")
    kind = models.CharField(max_length=10)
    source = models.CharField(max_length=9)
    target = models.CharField(max_length=9)
    amount = models.BigIntegerField(help_text="Minor units; points whole.")
    available_after = models.BigIntegerField()
    held_after = models.BigIntegerField()
    hold = _hot("incentives.Hold", "settlements", null=True)
    reverses = _hot("self", "reversals", null=True)
    cause = models.CharField(max_length=255, db_collation="C", help_text="The id of what is behind it.")
    cause_type = models.CharField(max_length=40)
    rule_version = models.IntegerField(null=True)
    idem = models.CharField(max_length=255, null=True, db_collation="C")
    expires_at = models.DateTimeField(null=True, help_text="When the lot expires that it opened.")
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["wallet", "seq"], name="transfer_seq"),
            models.UniqueConstraint(fields=["app", "idem"], condition=Q(idem__isnull=False), name="transfer_idem"),
            # with transfer_is_its_kind, in the proof: source, target and hold are those of the kind
            models.CheckConstraint(condition=Q(amount__gt=0, seq__gt=0, held_after__gte=0), name="transfer_in_range"),
        ]
        indexes = [
            models.Index(fields=["hold"], name="transfer_of_hold", condition=Q(hold__isnull=False)),
            models.Index(fields=["reverses"], name="transfer_of_reversed", condition=Q(reverses__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.asset} ({self.id})"


class Hold(models.Model):
    """A promise (GRANT) or a reservation (RESERVE), posted or voided once. Its id is that of the transfer that opened it."""

    class State(models.TextChoices):
        OPEN = OPEN, "Open"
        POSTED = POSTED, "Posted"
        VOIDED = VOIDED, "Voided"

    id = IdField(prefix="trf")
    app = _hot(App, "holds")
    wallet = _hot(Wallet, "holds")
    asset = models.CharField(max_length=5)
    kind = models.CharField(max_length=10, choices=[(GRANT, "Promise"), (RESERVE, "Reservation")])
    amount = models.BigIntegerField()
    open_amount = models.BigIntegerField()
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    cause = models.CharField(max_length=255, db_collation="C")
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=[GRANT, RESERVE]), name="hold_kind"),
            models.CheckConstraint(
                condition=Q(open_amount__gte=0, open_amount__lte=F("amount"), amount__gt=0),
                name="hold_open_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(state=OPEN, open_amount__gt=0, resolved_at__isnull=True)
                | Q(state__in=[POSTED, VOIDED], open_amount=0, resolved_at__isnull=False),
                name="hold_closed_when_empty",
            ),
        ]
        indexes = [models.Index(fields=["wallet"], name="hold_open_of_wallet", condition=Q(state=OPEN))]

    def __str__(self) -> str:
        return f"{self.kind} {self.open_amount} of {self.amount} {self.asset} {self.state} ({self.id})"


class Lot(models.Model):
    """Points that expire together. What of a balance is in no lot never expires."""

    id = IdField(prefix="lot")
    app = _hot(App, "lots")
    wallet = _hot(Wallet, "lots")
    asset = models.CharField(max_length=5)
    transfer = models.OneToOneField(Transfer, on_delete=models.PROTECT, related_name="lot", db_constraint=False)
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(remaining__gte=0, remaining__lte=F("amount"), amount__gt=0),
                name="lot_remaining_within_amount",
            ),
        ]
        indexes = [
            models.Index(
                fields=["wallet", "asset", "expires_at"], name="lot_live_of_wallet", condition=Q(remaining__gt=0)
            ),
            models.Index(fields=["app", "expires_at"], name="lot_due", condition=Q(remaining__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.remaining} of {self.amount} {self.asset} until {self.expires_at:%Y-%m-%d} ({self.id})"


class LotUse(models.Model):
    """What a transfer took from a lot; below zero, what it gave back. A credit's use of its own lot paid off a debt."""

    pk = models.CompositePrimaryKey("transfer_id", "lot_id")
    transfer = _hot(Transfer, "lot_uses")
    lot = _hot(Lot, "uses")
    amount = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(amount=0), name="lot_use_moves")]
        indexes = [models.Index(fields=["lot"], name="lot_use_of_lot")]

    def __str__(self) -> str:
        return f"{self.amount} of {self.lot_id}"
