"""A redemption: a user of one app spent coins at the business of another, and has a code to show there."""

from django.db import models
from django.db.models import Q

from incenta.accounts.models import App
from incenta.ids import IdField

from .listing import Listing


class RedemptionStatus(models.TextChoices):
    PENDING = "PENDING", "Pending"
    FULFILLED = "FULFILLED", "Fulfilled"
    CANCELLED = "CANCELLED", "Cancelled"
    EXPIRED = "EXPIRED", "Expired"


class Redemption(models.Model):
    """Two apps see it: the issuer, whose user it is, and the business. Only the issuer is told the user's id.

    PENDING → FULFILLED (by the business) | CANCELLED (by either, before it is fulfilled) | EXPIRED. The other three are final.
    """

    id = IdField(prefix="rdm")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="marketplace_redemptions", db_constraint=False, db_index=False
    )
    business_app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="redemptions_here", db_constraint=False, db_index=False
    )
    listing = models.ForeignKey(
        Listing, on_delete=models.PROTECT, related_name="redemptions", db_constraint=False, db_index=False
    )
    user_id = models.CharField(max_length=255, db_collation="C")
    status = models.CharField(max_length=9, choices=RedemptionStatus.choices)
    coin_cost = models.BigIntegerField()
    token_cost = models.BigIntegerField()
    promotion_id = models.CharField(max_length=40, null=True, db_collation="C")
    code = models.CharField(max_length=64, db_collation="C")
    code_key = models.CharField(max_length=64, db_collation="C")
    took_stock = models.BooleanField()
    coin_transfer_id = models.CharField(max_length=40, null=True, db_collation="C")
    token_transfer_id = models.CharField(max_length=40, null=True, db_collation="C")
    owed_minor = models.BigIntegerField(default=0, help_text="What the issuer owes the business for it.")
    currency = models.CharField(max_length=3)
    on_expiry = models.CharField(max_length=6, help_text="The listing's policy when it was redeemed.")
    order_reference = models.CharField(max_length=255, blank=True)
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was cancelled.")
    settled_by = models.CharField(max_length=8, blank=True, help_text="ISSUER, BUSINESS or SYSTEM.")
    redeemed_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    fulfilled_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    risk_score = models.PositiveSmallIntegerField(null=True, help_text="At the newest look; none where nothing spoke.")
    held_at = models.DateTimeField(null=True, help_text="Since when it waits for the issuer's fraud review.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["business_app", "code_key"], name="marketplace_code_unique"),
            models.CheckConstraint(condition=Q(owed_minor__gte=0), name="marketplace_owed_not_negative"),
        ]
        indexes = [
            models.Index(fields=["app", "-redeemed_at", "-id"], name="marketplace_redemption_issued"),
            models.Index(fields=["business_app", "-redeemed_at", "-id"], name="marketplace_redemption_here"),
            models.Index(fields=["app", "user_id", "listing"], name="marketplace_redemption_of_user"),
            models.Index(fields=["app", "code_key"], name="marketplace_code_issued"),
            models.Index(fields=["expires_at"], name="marketplace_redemption_due", condition=Q(status="PENDING")),
            # the dashboard's lists: what waits, of a listing, of an order
            models.Index(
                fields=["app", "-redeemed_at", "-id"], name="marketplace_waits_issued", condition=Q(status="PENDING")
            ),
            models.Index(
                fields=["business_app", "-redeemed_at", "-id"],
                name="marketplace_waits_here",
                condition=Q(status="PENDING"),
            ),
            models.Index(fields=["listing", "-redeemed_at", "-id"], include=["status"], name="marketplace_of_listing"),
            models.Index(
                fields=["business_app", "order_reference"],
                name="marketplace_of_order",
                condition=~Q(order_reference=""),
            ),
        ]

    @property
    def is_held(self) -> bool:
        return self.held_at is not None and self.status == RedemptionStatus.PENDING

    def __str__(self) -> str:
        return self.pk
