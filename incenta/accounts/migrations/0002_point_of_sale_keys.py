"""A scope of its own for tills: the marketplace's codes and nothing else."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="scope",
            field=models.CharField(
                choices=[
                    ("full", "Full"),
                    ("read", "Read only"),
                    ("publishable", "Publishable (browser)"),
                    ("pos", "Point of sale"),
                ],
                default="full",
                max_length=12,
            ),
        ),
    ]
