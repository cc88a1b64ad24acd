"""What workers tell of themselves for ``/metrics``."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0002_stuck_event"),
    ]

    operations = [
        migrations.CreateModel(
            name="VitalSign",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(db_collation="C", max_length=40)),
                ("label", models.CharField(db_collation="C", max_length=60)),
                ("value", models.BigIntegerField(default=0)),
                ("at", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("name", "label"), name="vital_sign_once")],
            },
        ),
    ]
