from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_point_of_sale_keys"),
        ("webhooks", "0004_payload_filter"),
    ]

    operations = [
        migrations.AlterField(
            model_name="webhooksecret",
            name="kind",
            field=models.CharField(
                choices=[
                    ("hmac", "Hmac"),
                    ("ed25519", "Ed25519 key pair; signs v1a entries beside the HMAC secrets, at most one an endpoint"),
                ],
                default="hmac",
                max_length=10,
            ),
        ),
    ]
