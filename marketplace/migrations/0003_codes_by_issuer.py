"""The issuer asks by code too, at every user id that could be one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0002_settlement_append_only")]

    operations = [
        migrations.AddIndex("redemption", models.Index(fields=["app", "code_key"], name="marketplace_code_issued")),
    ]
