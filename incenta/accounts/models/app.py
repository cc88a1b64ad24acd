"""An app: the tenant. Every row of every programme belongs to one, and every query starts at one.

A sandbox is an app of its own whose ``sandbox_of`` names the live one; the two share no data.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from incenta.ids import IdField

from .merchant import Merchant


class App(models.Model):
    class Status(models.TextChoices):
        ACTIVE = "ACTIVE", "Active"
        PAUSED = "PAUSED", "Paused"  # by its merchant, who can go on
        SUSPENDED = "SUSPENDED", "Suspended"  # by the operator
        CLOSED = "CLOSED", "Closed"  # by its owner, for good

    id = IdField(prefix="app")
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="apps")
    name = models.CharField(max_length=120)
    sandbox_of = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="sandbox")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)
    currency = models.CharField(max_length=3, default="USD", help_text="What sums over the whole app are told in.")
    timezone = models.CharField(
        max_length=64, default="UTC", help_text="The IANA zone of this app's days, weeks and months."
    )
    allowed_domains = ArrayField(
        models.CharField(max_length=253),
        default=list,
        blank=True,
        help_text="Where browsers may use a publishable key.",
    )
    trusts_forwarded_for = models.BooleanField(
        default=False,
        help_text="X-Forwarded-For of a call counts as the end user's address when the context names none.",
    )
    allows_negative_points = models.BooleanField(default=False)
    clock_frozen_at = models.DateTimeField(
        null=True, blank=True, help_text="Sandbox only: the moment at which time stands still."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(clock_frozen_at=None) | models.Q(sandbox_of__isnull=False),
                name="app_only_sandbox_clock_stops",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_sandbox(self) -> bool:
        return self.sandbox_of_id is not None
