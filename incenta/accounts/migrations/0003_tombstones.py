import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_point_of_sale_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="Tombstone",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.BinaryField(max_length=32)),
                (
                    "used_up",
                    models.JSONField(
                        default=dict,
                        help_text="What the person cannot earn again: how often each action was rewarded.",
                    ),
                ),
                (
                    "records",
                    models.JSONField(default=dict, help_text="How many rows of which noun lost their name."),
                ),
                ("erased_by", models.CharField(blank=True, help_text="key_… or user:12", max_length=60)),
                ("erased_at", models.DateTimeField()),
                (
                    "app",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tombstones",
                        to="accounts.app",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("app", "key"), name="tombstone_once")],
            },
        ),
    ]
