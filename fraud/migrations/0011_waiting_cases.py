"""The review's queue is read by what is lost, open and kept cases alike, however many there are."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("fraud", "0010_moot")]

    operations = [
        AddIndexConcurrently(
            "case",
            models.Index(
                fields=["app", "-expected_loss", "-id"],
                name="case_waiting",
                condition=~models.Q(status="CLOSED"),
            ),
        ),
    ]
