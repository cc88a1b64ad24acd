"""The newest codes of one campaign, and those of its last days, are found without reading the whole app's."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("referrals", "0009_held_sums")]

    operations = [
        AddIndexConcurrently(
            "referral",
            models.Index(fields=["app", "campaign", "-created_at", "-id"], name="referral_newest_of_campaign"),
        ),
    ]
