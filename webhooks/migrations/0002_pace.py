import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_point_of_sale_keys"),
        ("webhooks", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="endpointhealth",
            name="open_s",
            field=models.PositiveSmallIntegerField(
                db_default=0,
                default=0,
                help_text="How long the breaker was last opened for; doubles with each failed probe.",
            ),
        ),
        migrations.AddField(
            model_name="endpointhealth",
            name="quick_streak",
            field=models.PositiveSmallIntegerField(
                db_default=0, default=0, help_text="Quick successes since the last slow or failed request."
            ),
        ),
        migrations.AddField(
            model_name="endpointhealth",
            name="recent_ms",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveIntegerField(),
                db_default=models.Value(
                    [], django.contrib.postgres.fields.ArrayField(base_field=models.PositiveIntegerField(), size=None)
                ),
                default=list,
                help_text="How long the latest requests took, newest last; at most 20.",
                size=None,
            ),
        ),
    ]
