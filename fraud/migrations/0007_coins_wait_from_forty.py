from django.db import migrations, models


class Migration(migrations.Migration):
    """Coin signals come to 50 at most, so a threshold of 60 would never hold; the random sample is off until it is asked for."""

    dependencies = [("fraud", "0006_newest_cases")]

    operations = [
        migrations.AlterField(
            "fraudsettings",
            "coin_hold_at",
            models.PositiveSmallIntegerField(
                default=40, help_text="The score from which a user's new coins wait for review."
            ),
        ),
        migrations.AlterField(
            "fraudsettings",
            "sample_per_thousand",
            models.PositiveSmallIntegerField(
                default=0,
                help_text="How many of a thousand conversions that nothing spoke against are reviewed all the same.",
            ),
        ),
    ]
