"""What a campaign has promised and holds back is found without reading what it has paid."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("referrals", "0007_payouts")]

    operations = [
        AddIndexConcurrently(
            "reward",
            models.Index(
                fields=["app", "campaign"],
                name="reward_held",
                condition=models.Q(status__in=["PENDING", "APPROVED"]) & ~models.Q(holds=[]),
            ),
        ),
        AddIndexConcurrently(
            "reward",
            models.Index(
                fields=["app", "campaign", "matures_at"],
                name="reward_maturing",
                condition=models.Q(status__in=["PENDING", "APPROVED"], matures_at__isnull=False),
            ),
        ),
    ]
