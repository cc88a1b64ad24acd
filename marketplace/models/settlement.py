"""Who owes whom: a whole double entry in one row, so that it sums to zero by construction. Append-only, by a trigger."""

from django.db import models
from django.db.models import F, Q

from incenta.accounts.models import App
from incenta.ids import IdField

from .redemption import Redemption


class SettlementEntry(models.Model):
    """OWE when something is redeemed, RETURN when it is cancelled or expires: each once a redemption.

    The account of an app with another one, in a currency, is the sum of the entries that name both; nobody holds a row of it,
    so that redemptions at one business do not wait for each other.
    """

    class Kind(models.TextChoices):
        OWE = "OWE", "Owed for a redemption"
        RETURN = "RETURN", "Returned: cancelled or expired"

    id = IdField(prefix="stl")
    debtor = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    creditor = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    redemption = models.ForeignKey(
        Redemption, on_delete=models.PROTECT, related_name="entries", db_constraint=False, db_index=False
    )
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["redemption", "kind"], name="settlement_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="settlement_over_zero"),
            models.CheckConstraint(condition=~Q(debtor=F("creditor")), name="settlement_between_two"),
        ]
        indexes = [
            models.Index(fields=["debtor", "occurred_at"], name="settlement_of_debtor"),
            models.Index(fields=["creditor", "occurred_at"], name="settlement_of_creditor"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_minor} {self.currency} ({self.redemption_id})"
