"""How far the look for farmed points has come in each app. It is gone on with from there."""

from django.db import models

from incenta.accounts.models import App


class FarmingPlace(models.Model):
    app = models.OneToOneField(App, primary_key=True, on_delete=models.PROTECT, related_name="farming_place")
    activity = models.CharField(
        max_length=40, blank=True, db_collation="C", help_text="The last event that was looked at."
    )
    redemption = models.CharField(max_length=40, blank=True, db_collation="C")

    def __str__(self) -> str:
        return self.activity
