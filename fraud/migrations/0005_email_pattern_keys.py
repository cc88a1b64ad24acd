from django.db import migrations, models

KINDS = [
    (1, "network address"),
    (2, "device"),
    (3, "e-mail address"),
    (4, "phone number"),
    (5, "means of payment"),
    (6, "pattern of e-mail addresses"),
]


class Migration(migrations.Migration):
    """The pattern that the addresses of one referrer's friends follow is a key like the others."""

    dependencies = [("fraud", "0004_history")]

    operations = [
        migrations.AlterField("keymark", "kind", models.SmallIntegerField(choices=KINDS)),
        migrations.AlterField("link", "kind", models.SmallIntegerField(choices=KINDS)),
    ]
