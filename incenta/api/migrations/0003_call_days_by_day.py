"""``/metrics`` asks for the calls of one day over all apps. Rows come in the order of their days, so a few pages of index do."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("api", "0002_call_days"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="callday",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["day"], name="call_day_by_day"),
        ),
    ]
