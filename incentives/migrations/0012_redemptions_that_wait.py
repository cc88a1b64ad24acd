"""The dashboard's list of redemptions finds those that wait to be handed over without reading the table."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("incentives", "0011_redemption_holds")]

    operations = [
        AddIndexConcurrently(
            "itemredemption",
            models.Index(
                fields=["app", "-redeemed_at", "-id"],
                name="item_redemption_waits",
                condition=models.Q(status="PENDING"),
            ),
        ),
    ]
