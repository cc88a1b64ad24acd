"""A promotion: a listing for fewer coins for a while."""

from django.db import models
from django.db.models import F, Q

from incenta.accounts.models import App
from incenta.ids import IdField

from .listing import Listing


class Promotion(models.Model):
    """Where several run at once, the one with the highest ``percent_off`` counts. It lowers what is owed in proportion."""

    id = IdField(prefix="prm")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="promotions", db_index=False)
    listing = models.ForeignKey(Listing, on_delete=models.PROTECT, related_name="promotions")
    name = models.CharField(max_length=120, blank=True)
    percent_off = models.PositiveSmallIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(percent_off__gte=1, percent_off__lte=100), name="promotion_percent"),
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="promotion_window"),
        ]
        indexes = [models.Index(fields=["app", "-created_at", "-id"], name="promotion_newest")]

    def __str__(self) -> str:
        return self.name or f"{self.percent_off} % off"
