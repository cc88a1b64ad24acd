from django.db import migrations, models


class Migration(migrations.Migration):
    """A campaign says what becomes of what nobody decided in time."""

    dependencies = [("referrals", "0002_last_conversions_of_referrer")]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="fraud_deadline_hours",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="After so long nobody need decide what is held any more; none: it waits.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="campaign",
            name="fraud_deadline_outcome",
            field=models.CharField(
                blank=True,
                choices=[("RELEASE", "Released"), ("REJECT", "Rejected")],
                help_text="What becomes of it then.",
                max_length=7,
                null=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=models.Q(fraud_deadline_hours=None, fraud_deadline_outcome=None)
                | models.Q(fraud_deadline_hours__isnull=False, fraud_deadline_outcome__isnull=False),
                name="campaign_deadline_has_outcome",
            ),
        ),
    ]
