"""A listing: what a business offers for coins and tokens, its stock and its codes."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from incenta.accounts.models import App
from incenta.ids import IdField

from .profile import Profile


class CodeSource(models.TextChoices):
    GENERATED = "GENERATED", "A code is made for each redemption"
    POOL = "POOL", "Codes are taken from those uploaded"


class ExpiryPolicy(models.TextChoices):
    RETURN = "RETURN", "Coins go back to the user"
    KEEP = "KEEP", "Coins are spent"


class Listing(models.Model):
    id = IdField(prefix="lst")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="listings", db_index=False)
    business = models.ForeignKey(Profile, on_delete=models.PROTECT, related_name="listings")
    title = models.CharField(max_length=120)
    description = models.CharField(max_length=2000, blank=True)
    category = models.CharField(max_length=60, blank=True)
    image_url = models.URLField(max_length=2000, blank=True)
    terms = models.CharField(max_length=4000, blank=True)
    coin_cost = models.BigIntegerField(default=0)
    token_cost = models.BigIntegerField(default=0)
    limited = models.BooleanField(default=False, help_text="Whether there is a stock to run out.")
    max_per_user = models.PositiveIntegerField(null=True, blank=True, help_text="Of one user of one app.")
    discount = models.JSONField(
        null=True, blank=True, help_text='{"type": "PERCENTAGE" | "FIXED_AMOUNT", "value": number}'
    )
    valid_days = models.PositiveIntegerField(null=True, blank=True, help_text="How long a code can be used.")
    on_expiry = models.CharField(
        max_length=6,
        choices=ExpiryPolicy.choices,
        default=ExpiryPolicy.RETURN,
        help_text="What becomes of the coins of a code that nobody used in time.",
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    published = models.BooleanField(default=True)
    countries = ArrayField(models.CharField(max_length=2), default=list, blank=True, help_text="Empty: everywhere.")
    code_source = models.CharField(max_length=9, choices=CodeSource.choices, default=CodeSource.GENERATED)
    code_prefix = models.CharField(max_length=12, blank=True)
    low_stock_at = models.PositiveIntegerField(
        null=True, blank=True, help_text="Tell the merchant when so few are left."
    )
    low_stock_told_at = models.DateTimeField(null=True, blank=True)
    currency = models.CharField(max_length=3, help_text="Of the rates.")
    coin_rate = models.DecimalField(
        max_digits=18,
        decimal_places=6,
        default=0,
        help_text="What the app that gave a coin owes the business for it, in major units.",
    )
    token_rate = models.DecimalField(max_digits=18, decimal_places=6, default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(coin_cost__gte=0, token_cost__gte=0), name="listing_costs"),
            models.CheckConstraint(condition=Q(coin_rate__gte=0, token_rate__gte=0), name="listing_rates"),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(starts_at__lt=F("ends_at")), name="listing_window"
            ),
        ]
        indexes = [
            models.Index(fields=["app", "-created_at", "-id"], name="listing_newest"),
            models.Index(
                fields=["coin_cost", "id"], name="listing_on_offer", condition=Q(published=True, deleted_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ListingStock(models.Model):
    """What is left of a limited listing: a row of its own, for it is the only one that redemptions queue for."""

    listing = models.OneToOneField(Listing, primary_key=True, on_delete=models.PROTECT, related_name="stock")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_index=False)
    left = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(left__gte=0), name="listing_stock_not_negative")]

    def __str__(self) -> str:
        return f"{self.listing_id}: {self.left}"


class ListingCode(models.Model):
    """An uploaded code: free until a redemption takes it, then never given again."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_index=False)
    listing = models.ForeignKey(Listing, on_delete=models.PROTECT, related_name="codes", db_index=False)
    code = models.CharField(max_length=64, db_collation="C")
    code_key = models.CharField(max_length=64, db_collation="C", help_text="As it is compared: without regard to case.")
    redemption_id = models.CharField(max_length=40, null=True, db_collation="C")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "code_key"], name="listing_code_unique")]
        indexes = [models.Index(fields=["listing", "id"], name="listing_code_free", condition=Q(redemption_id=None))]

    def __str__(self) -> str:
        return self.code
