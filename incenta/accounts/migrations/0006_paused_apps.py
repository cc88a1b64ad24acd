"""An app may be paused or closed by its merchant; being suspended is the operator's word. No column changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_audit_entries")]

    operations = [
        migrations.AlterField(
            model_name="app",
            name="status",
            field=models.CharField(
                choices=[
                    ("ACTIVE", "Active"),
                    ("PAUSED", "Paused"),
                    ("SUSPENDED", "Suspended"),
                    ("CLOSED", "Closed"),
                ],
                default="ACTIVE",
                max_length=12,
            ),
        ),
    ]
