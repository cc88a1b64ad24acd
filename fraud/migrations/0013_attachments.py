"""Files beside a case, and their bytes in a table of their own."""

import django.db.models.deletion
from django.db import migrations, models

import incenta.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_invitations"),
        ("fraud", "0012_case_presence"),
    ]

    operations = [
        migrations.CreateModel(
            name="Attachment",
            fields=[
                ("id", incenta.ids.IdField(prefix="file", serialize=False)),
                (
                    "name",
                    models.CharField(
                        blank=True, help_text="With the ending of what it is. Empty when forgotten.", max_length=150
                    ),
                ),
                (
                    "content_type",
                    models.CharField(help_text="By its content, whatever a browser said.", max_length=40),
                ),
                ("size", models.PositiveIntegerField(help_text="Bytes, as they were sent.")),
                (
                    "sha256",
                    models.CharField(
                        blank=True, db_collation="C", help_text="Of these bytes, in hexadecimal.", max_length=64
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
                ("actor", models.CharField(max_length=120)),
                ("added_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(help_text="Its bytes are gone since.", null=True)),
                ("removed_by", models.CharField(blank=True, max_length=120)),
                (
                    "app",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fraud_attachments",
                        to="accounts.app",
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attachments",
                        to="fraud.case",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["app", "case", "-id"], name="attachment_of_case"),
                    models.Index(
                        condition=models.Q(("removed_at", None)),
                        fields=["app", "added_at"],
                        include=("size",),
                        name="attachment_kept",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("removed_at", None)),
                        fields=("app", "case", "sha256"),
                        name="attachment_once_a_case",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("size__gt", 0), ("size__lte", 5242880)), name="attachment_size"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AttachmentContent",
            fields=[
                (
                    "attachment",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="content",
                        serialize=False,
                        to="fraud.attachment",
                    ),
                ),
                ("sealed_key", models.TextField()),
                ("sealed", models.BinaryField()),
                (
                    "app",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.app",
                    ),
                ),
            ],
        ),
    ]
