"""A click on a referral's link."""

from django.db import models

from incenta.accounts.models import App
from incenta.ids import IdField

from .campaign import Campaign
from .referral import Referral


class Click(models.Model):
    id = IdField(prefix="click")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="clicks", db_constraint=False, db_index=False)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="clicks", db_constraint=False, db_index=False
    )
    referral = models.ForeignKey(
        Referral, on_delete=models.PROTECT, related_name="click_set", db_constraint=False, db_index=False
    )
    referee_id = models.CharField(max_length=255, null=True, db_collation="C")
    clicked_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        indexes = [models.Index(fields=["app", "referral", "referee_id", "-clicked_at"], name="click_latest")]

    def __str__(self) -> str:
        return self.id
