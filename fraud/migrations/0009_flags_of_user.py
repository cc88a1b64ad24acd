from django.db import migrations, models


class Migration(migrations.Migration):
    """The flags of one user."""

    dependencies = [("fraud", "0008_scores_of_users")]

    operations = [
        migrations.AddIndex(
            model_name="flag",
            index=models.Index(fields=["app", "user_id"], name="flag_of_user"),
        ),
    ]
