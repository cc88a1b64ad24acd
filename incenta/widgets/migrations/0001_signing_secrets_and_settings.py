"""The secrets that merchants' servers sign user tokens with, and what an app has settled about its widgets."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import incenta.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0007_invitations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SigningSecret",
            fields=[
                ("id", incenta.ids.IdField(prefix="sig", serialize=False)),
                (
                    "sealed",
                    models.TextField(
                        help_text="Encrypted at rest: a signature can only be checked with the secret itself."
                    ),
                ),
                ("last4", models.CharField(max_length=4)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="signing_secrets",
                        to="accounts.app",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("expires_at", None)), fields=("app",), name="signing_secret_one_present"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WidgetSettings",
            fields=[
                (
                    "app",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="widget_settings",
                        serialize=False,
                        to="accounts.app",
                    ),
                ),
                (
                    "key_text",
                    models.CharField(
                        blank=True,
                        help_text="The publishable key itself, which stands in web pages anyway.",
                        max_length=80,
                    ),
                ),
                (
                    "board_names",
                    models.CharField(
                        choices=[
                            ("masked", "Masked: a•••a"),
                            ("username", "The user name that your server told us, else masked"),
                            ("user_id", "The user id as it is"),
                        ],
                        default="masked",
                        help_text="What browsers are told of others on a leaderboard.",
                        max_length=12,
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="accounts.apikey",
                    ),
                ),
            ],
        ),
    ]
