import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import incenta.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_point_of_sale_keys"),
        ("webhooks", "0005_ed25519"),
    ]

    operations = [
        migrations.CreateModel(
            name="WebhookReplay",
            fields=[
                ("id", incenta.ids.IdField(prefix="rpl", serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("recover", "What failed"),
                            ("missing", "What the endpoint was never sent"),
                            ("state", "What stands in a state"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "of_state",
                    models.CharField(blank=True, help_text="For kind state: which deliveries.", max_length=11),
                ),
                (
                    "of_types",
                    models.JSONField(
                        default=list, help_text="Event types to send; [] is all that the endpoint subscribes to."
                    ),
                ),
                ("since", models.DateTimeField()),
                (
                    "until",
                    models.DateTimeField(help_text="The moment the job was made, where none was said: it must end."),
                ),
                ("cursor", models.CharField(blank=True, db_collation="C", max_length=60)),
                ("queued", models.PositiveIntegerField(default=0, help_text="Deliveries made so far.")),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("done", "Done"), ("cancelled", "Cancelled")],
                        default="running",
                        max_length=9,
                    ),
                ),
                ("created_by", models.CharField(blank=True, help_text="key_… or user:12", max_length=60)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="webhook_replays", to="accounts.app"
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replays",
                        to="webhooks.webhookendpoint",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "running")), fields=["created_at"], name="webhook_replay_running"
                    ),
                    models.Index(fields=["endpoint", "-created_at"], name="webhook_replay_log"),
                ],
            },
        ),
    ]
