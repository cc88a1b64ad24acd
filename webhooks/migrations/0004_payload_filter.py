from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_point_of_sale_keys"),
        ("webhooks", "0003_hours"),
    ]

    operations = [
        migrations.AddField(
            model_name="webhookendpoint",
            name="payload_filter",
            field=models.JSONField(
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="What data must be for the endpoint to be told; {} tells it everything. See webhooks/filtering.py.",
            ),
        ),
    ]
