"""The dashboard's lists find what waits, what was redeemed of a listing and what belongs to an order without reading the table."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

WAITS = models.Q(status="PENDING")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("marketplace", "0004_redemption_holds")]

    operations = [
        AddIndexConcurrently(
            "redemption",
            models.Index(fields=["app", "-redeemed_at", "-id"], name="marketplace_waits_issued", condition=WAITS),
        ),
        AddIndexConcurrently(
            "redemption",
            models.Index(
                fields=["business_app", "-redeemed_at", "-id"], name="marketplace_waits_here", condition=WAITS
            ),
        ),
        AddIndexConcurrently(
            "redemption",
            models.Index(fields=["listing", "-redeemed_at", "-id"], include=["status"], name="marketplace_of_listing"),
        ),
        AddIndexConcurrently(
            "redemption",
            models.Index(
                fields=["business_app", "order_reference"],
                name="marketplace_of_order",
                condition=~models.Q(order_reference=""),
            ),
        ),
    ]
