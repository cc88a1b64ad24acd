"""The catalog: what users spend their points on, its stock, its codes, and who redeemed what."""

from django.db import models
from django.db.models import Q

from incenta.accounts.models import App
from incenta.ids import IdField


class CodeSource(models.TextChoices):
    NONE = "NONE", "No code"
    GENERATED = "GENERATED", "A code is made for each redemption"
    POOL = "POOL", "Codes are taken from those uploaded"


class Item(models.Model):
    id = IdField(prefix="item")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="catalog_items")
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=2000, blank=True)
    image_url = models.URLField(max_length=2000, blank=True)
    coin_cost = models.BigIntegerField(default=0)
    token_cost = models.BigIntegerField(default=0)
    limited = models.BooleanField(default=False, help_text="Whether there is a stock to run out.")
    max_per_user = models.PositiveIntegerField(null=True, blank=True)
    published = models.BooleanField(default=True)
    code_source = models.CharField(max_length=9, choices=CodeSource.choices, default=CodeSource.NONE)
    code_prefix = models.CharField(max_length=12, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(coin_cost__gte=0, token_cost__gte=0), name="item_costs")]
        indexes = [models.Index(fields=["app", "-created_at", "-id"], name="item_newest")]

    def __str__(self) -> str:
        return self.name


class ItemStock(models.Model):
    """What is left of a limited item: a row of its own, for it is the only one that redemptions queue for."""

    item = models.OneToOneField(Item, primary_key=True, on_delete=models.PROTECT, related_name="stock")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_index=False)
    left = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(left__gte=0), name="item_stock_not_negative")]

    def __str__(self) -> str:
        return f"{self.item_id}: {self.left}"


class ItemCode(models.Model):
    """An uploaded code: free until a redemption takes it, then never given again."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="codes", db_index=False)
    code = models.CharField(max_length=64, db_collation="C")
    code_key = models.CharField(max_length=64, db_collation="C", help_text="As it is compared: without regard to case.")
    redemption_id = models.CharField(max_length=40, null=True, db_collation="C")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "code_key"], name="item_code_unique")]
        indexes = [models.Index(fields=["item", "id"], name="item_code_free", condition=Q(redemption_id=None))]

    def __str__(self) -> str:
        return self.code


class RedemptionStatus(models.TextChoices):
    PENDING = "PENDING", "Pending"
    FULFILLED = "FULFILLED", "Fulfilled"
    CANCELLED = "CANCELLED", "Cancelled"


class ItemRedemption(models.Model):
    id = IdField(prefix="rdm")
    app = models.ForeignKey(
        App, on_delete=models.PROTECT, related_name="item_redemptions", db_constraint=False, db_index=False
    )
    item = models.ForeignKey(
        Item, on_delete=models.PROTECT, related_name="redemptions", db_constraint=False, db_index=False
    )
    user_id = models.CharField(max_length=255, db_collation="C")
    coin_cost = models.BigIntegerField()
    token_cost = models.BigIntegerField()
    status = models.CharField(max_length=9, choices=RedemptionStatus.choices)
    code = models.CharField(max_length=64, null=True, db_collation="C")
    code_key = models.CharField(max_length=64, null=True, db_collation="C")
    took_stock = models.BooleanField()
    coin_transfer_id = models.CharField(max_length=40, null=True, db_collation="C")
    token_transfer_id = models.CharField(max_length=40, null=True, db_collation="C")
    redeemed_at = models.DateTimeField()
    fulfilled_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    risk_score = models.PositiveSmallIntegerField(null=True, help_text="At the newest look; none where nothing spoke.")
    held_at = models.DateTimeField(null=True, help_text="Since when it waits for the fraud review.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app", "code_key"], condition=Q(code_key__isnull=False), name="item_redemption_code"
            ),
        ]
        indexes = [
            models.Index(fields=["app", "-redeemed_at", "-id"], name="item_redemption_newest"),
            models.Index(fields=["app", "user_id", "item"], name="item_redemption_of_user"),
            models.Index(
                fields=["app", "-redeemed_at", "-id"], name="item_redemption_waits", condition=Q(status="PENDING")
            ),
        ]

    @property
    def is_held(self) -> bool:
        return self.held_at is not None and self.status == RedemptionStatus.PENDING

    @property
    def told_code(self) -> str | None:
        """The code, once it was given: what was cancelled in a review keeps it to itself for good."""
        return self.code if self.fulfilled_at is not None else None

    def __str__(self) -> str:
        return self.pk
