"""Deeds at the desk that left no trace before."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_rolled_keys")]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("type", models.CharField(db_collation="C", help_text="noun.verb, such as key.created", max_length=40)),
                ("actor", models.CharField(db_collation="C", help_text="user:12 or key_…", max_length=60)),
                ("subject_id", models.CharField(blank=True, db_collation="C", max_length=40)),
                (
                    "data",
                    models.JSONField(default=dict, help_text="What it was about, and what it was before and is after."),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        help_text="Real time, whatever a sandbox's clock says.",
                    ),
                ),
                (
                    "app",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audit_entries",
                        to="accounts.app",
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audit_entries",
                        to="accounts.merchant",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["app", "-id"], name="audit_entry_newest"),
                    models.Index(
                        condition=models.Q(("app", None)), fields=["merchant", "-id"], name="audit_entry_of_merchant"
                    ),
                ],
            },
        ),
    ]
