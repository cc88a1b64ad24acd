"""All apps of the merchant, each with its sandbox: how many campaigns, how many calls this month, when the last one was."""

import time
from datetime import UTC, datetime

from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse

from incenta.accounts.models import App
from incenta.api import metering
from incenta.api.models import Allotment
from incenta.dashboard.access import may
from incenta.dashboard.pages import AppPage


class Apps(AppPage):
    """``?status=ACTIVE`` and the like. Three statements beside the frame's, however many apps there are."""

    section = ""
    template_name = "accounts/apps.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        merchant = request.membership.merchant
        status = request.GET.get("status", "")
        is_understood = status in ("", *App.Status.values)
        rows = merchant.apps.select_related("sandbox_of").annotate(campaign_count=Count("campaigns"))
        if status:
            rows = rows.filter(status=status)
        apps = sorted(rows, key=lambda app: (self.home(app).name.casefold(), self.home(app).pk, app.is_sandbox))
        start, _ = metering.month_of(time.time())
        calls = dict(
            Allotment.objects.filter(
                scope__in=[f"calls:{app.pk}" for app in apps], window_start=datetime.fromtimestamp(start, UTC)
            ).values_list("scope", "leased")
        )
        used = dict(merchant.apps.annotate(last=Max("api_keys__last_used_at")).values_list("pk", "last"))
        for app in apps:
            app.calls, app.last_call = calls.get(f"calls:{app.pk}", 0), used.get(app.pk)
        return self.page(
            {
                "apps": apps if is_understood else [],
                "is_understood": is_understood,
                "status": status,
                "statuses": App.Status.choices,
                "limit": merchant.plan.monthly_calls,
                "may_open": may(request, "app.settings"),
            },
            status=200,
        )

    @staticmethod
    def home(app: App) -> App:
        """The live app that this one belongs to."""
        return app.sandbox_of or app
