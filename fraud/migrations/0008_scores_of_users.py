from django.db import migrations, models


class Migration(migrations.Migration):
    """A user is a subject too, and his id is the client's own."""

    dependencies = [("fraud", "0007_coins_wait_from_forty")]

    operations = [
        migrations.AlterField("score", "subject_id", models.CharField(max_length=255, db_collation="C")),
    ]
