import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_point_of_sale_keys"),
        ("webhooks", "0002_pace"),
    ]

    operations = [
        migrations.CreateModel(
            name="EndpointHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField(help_text="Its first moment, UTC.")),
                (
                    "good",
                    models.PositiveIntegerField(db_default=0, default=0, help_text="Requests answered with a 2xx."),
                ),
                ("bad", models.PositiveIntegerField(db_default=0, default=0)),
                (
                    "latency",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveIntegerField(),
                        help_text="Requests by duration; the buckets are LATENCY_BOUNDS_MS and the rest.",
                        size=None,
                    ),
                ),
                (
                    "app",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.app",
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hours",
                        to="webhooks.webhookendpoint",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["hour"], name="webhook_hour_age")],
                "constraints": [models.UniqueConstraint(fields=("endpoint", "hour"), name="webhook_hour_once")],
            },
        ),
    ]
