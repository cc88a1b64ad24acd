from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0008_test_receiver"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("failures", 0), ("state", "pending")),
                fields=["endpoint", "next_at"],
                name="webhook_delivery_first",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state__in", ["failed", "held", "quarantined"])),
                fields=["endpoint", "state", "done_at"],
                name="webhook_delivery_aside",
            ),
        ),
        migrations.CreateModel(
            name="PumpCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(db_collation="C", max_length=40)),
                ("label", models.CharField(blank=True, db_collation="C", max_length=40)),
                ("place", models.PositiveSmallIntegerField()),
                ("value", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("name", "label", "place"), name="webhook_count_once"),
                ],
            },
        ),
    ]
