from django.db import migrations, models


class Migration(migrations.Migration):
    """A rejection that is undone makes a new reward beside the cancelled one."""

    dependencies = [("referrals", "0003_review_deadline")]

    operations = [
        migrations.RemoveConstraint(model_name="reward", name="reward_once"),
        migrations.AddConstraint(
            model_name="reward",
            constraint=models.UniqueConstraint(
                condition=~models.Q(status="CANCELLED"),
                fields=["app", "conversion", "side", "level"],
                name="reward_stands_once",
            ),
        ),
    ]
