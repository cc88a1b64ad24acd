from django.db import migrations, models


class Migration(migrations.Migration):
    """Fraud looks at the newest of a referrer's conversions, whatever their number."""

    dependencies = [("referrals", "0001_initial")]

    operations = [
        migrations.AddIndex(
            "conversion",
            models.Index(
                fields=["app", "campaign", "referrer_id", "-converted_at"],
                include=["amount_minor", "referee_id"],
                name="conversion_last_of_referrer",
            ),
        ),
    ]
