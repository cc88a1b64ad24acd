from django.db import migrations, models


class Migration(migrations.Migration):
    """The list of cases, newest first."""

    dependencies = [("fraud", "0005_email_pattern_keys")]

    operations = [
        migrations.AddIndex(
            model_name="case",
            index=models.Index(fields=["app", "-opened_at", "-id"], name="case_newest"),
        ),
    ]
