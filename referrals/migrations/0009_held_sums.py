"""What a campaign holds back is summed from the index alone, whatever the number of rewards."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

SUMMED = ["asset", "amount_minor", "reversed_minor"]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("referrals", "0008_what_a_campaign_holds")]

    operations = [
        AddIndexConcurrently(
            "reward",
            models.Index(
                fields=["app", "campaign"],
                include=SUMMED,
                name="reward_held_sum",
                condition=Q(status__in=["PENDING", "APPROVED"]) & ~Q(holds=[]),
            ),
        ),
        AddIndexConcurrently(
            "reward",
            models.Index(
                fields=["app", "campaign", "matures_at"],
                include=SUMMED,
                name="reward_maturing_sum",
                condition=Q(status__in=["PENDING", "APPROVED"], holds=[], matures_at__isnull=False),
            ),
        ),
        RemoveIndexConcurrently("reward", "reward_held"),
        RemoveIndexConcurrently("reward", "reward_maturing"),
    ]
