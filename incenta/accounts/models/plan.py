"""A plan: how much a merchant may use. The operator sets it in the admin; a merchant never can."""

from django.db import models

from incenta.ids import IdField


class PlanManager(models.Manager):
    def default(self) -> "Plan":
        """The plan of a merchant who has just signed up."""
        plan, _ = self.get_or_create(is_default=True, defaults={"name": "Standard"})
        return plan


class Plan(models.Model):
    id = IdField(prefix="plan")
    name = models.CharField(max_length=60, unique=True)
    monthly_calls = models.PositiveBigIntegerField(
        default=100_000, help_text="API calls of one app in a calendar month, UTC."
    )
    calls_per_minute = models.PositiveIntegerField(default=1_200, help_text="API calls of one key in a minute.")
    max_apps = models.PositiveIntegerField(default=5)
    max_keys = models.PositiveIntegerField(default=20, help_text="Keys that are not revoked, for each app.")
    is_default = models.BooleanField(default=False, help_text="Given to merchants who sign up.")

    objects = PlanManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="plan_one_default"
            ),
        ]

    def __str__(self) -> str:
        return self.name
