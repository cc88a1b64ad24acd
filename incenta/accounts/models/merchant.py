"""A merchant: the company that runs programmes here. It owns apps, and people work for it."""

from django.db import models

from incenta.errors import Conflict
from incenta.ids import IdField

from .plan import Plan


class MerchantManager(models.Manager):
    def default_plan(self) -> Plan:
        return Plan.objects.default()


class Merchant(models.Model):
    id = IdField(prefix="mer")
    name = models.CharField(max_length=120)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="merchants")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MerchantManager()

    def __str__(self) -> str:
        return self.name

    def open_app(self, name: str, *, currency: str = "USD", timezone: str = "UTC"):
        """A new live app with its sandbox twin. Raises ``Conflict`` ``app_limit_reached`` over the plan's ``max_apps``."""
        from .app import App

        # the merchant's row is the lock: two tabs cannot open the last app twice
        merchant = Merchant.objects.select_for_update().select_related(None).get(pk=self.pk)
        if merchant.apps.filter(sandbox_of=None).count() >= merchant.plan.max_apps:
            raise Conflict("app_limit_reached", f"Your plan allows {merchant.plan.max_apps} apps.")
        app = App.objects.create(merchant=merchant, name=name, currency=currency, timezone=timezone)
        App.objects.create(
            merchant=merchant, name=f"{name} (sandbox)"[:120], currency=currency, timezone=timezone, sandbox_of=app
        )
        return app
