"""Calls by day and endpoint, for the page of an app's usage."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_paused_apps"), ("api", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="CallDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(help_text="UTC, as months of plans are.")),
                ("endpoint", models.CharField(db_collation="C", help_text="GET /v1/campaigns/<id>", max_length=200)),
                ("calls", models.BigIntegerField(default=0, help_text="All but those that the limits refused.")),
                (
                    "failed",
                    models.BigIntegerField(
                        default=0, help_text="Of them, by our fault: they do not count to the month."
                    ),
                ),
                ("limited", models.BigIntegerField(default=0, help_text="Refused by a limit.")),
                (
                    "app",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="call_days",
                        to="accounts.app",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("app", "day", "endpoint"), name="call_day_once")],
            },
        ),
    ]
