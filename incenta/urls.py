"""The table of contents."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

import incenta.dashboard.converters  # noqa: F401 - the <app:…> of the dashboard's addresses

api = [
    path("", include("referrals.api.urls")),
    path("", include("incentives.api.urls")),
    path("", include("marketplace.api.urls")),
    path("", include("fraud.api.urls")),
    path("", include("webhooks.api.urls")),
    path("", include("incenta.events.api.urls")),
    path("", include("incenta.accounts.api.urls")),
    path("", include("incenta.api.urls")),
]

dashboard = [
    path("", include("incenta.dashboard.urls")),
    path("", include("incenta.accounts.dashboard.urls")),
    path("<app:app_id>/", include("incenta.accounts.dashboard.app_urls")),
    path("<app:app_id>/", include("incenta.dashboard.app_urls")),
    path("<app:app_id>/", include("referrals.dashboard.urls")),
    path("<app:app_id>/", include("fraud.dashboard.urls")),
    path("<app:app_id>/", include("incentives.dashboard.urls")),
    path("<app:app_id>/", include("marketplace.dashboard.urls")),
    path("<app:app_id>/", include("incenta.widgets.dashboard.urls")),
    path("<app:app_id>/", include("webhooks.dashboard.urls")),
    path("<app:app_id>/", include("incenta.api.dashboard.urls")),
    path("<app:app_id>/", include("incenta.docs.app_urls")),
]

urlpatterns = [
    path("v1/", include(api)),
    path("api/v1/", include(api)),
    path("", include("referrals.links.urls")),
    path("hooks/test/", include("webhooks.receiver_urls")),
    path("", include("incenta.health")),
    path("", include("incenta.widgets.public_urls")),
    path("", include("incenta.accounts.dashboard.public_urls")),
    path("accounts/", include("allauth.urls")),
    path("dashboard/", include((dashboard, "dashboard"))),
    path("staff/", admin.site.urls),
    path("", include("marketplace.dashboard.public_urls")),
    path("", include("incenta.dashboard.public_urls")),
    path("", include("incenta.docs.urls")),
]
if settings.DEBUG:
    admin.site.site_url = "/dashboard/"
