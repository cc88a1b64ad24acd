"""The table of contents."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

api = [
    path("", include("referrals.api.urls")),
    path("", include("incentives.api.urls")),
    path("", include("webhooks.api.urls")),
    path("", include("incenta.events.api.urls")),
    path("", include("incenta.api.urls")),
]

urlpatterns = [
    path("v1/", include(api)),
    path("api/v1/", include(api)),
    path("", include("referrals.links.urls")),
    path("", include("incenta.health")),
    path("accounts/", include("allauth.urls")),
    path("dashboard/", include("incenta.dashboard.urls")),
    path("staff/", admin.site.urls),
    path("", include("incenta.dashboard.public_urls")),
]
if settings.DEBUG:
    admin.site.site_url = "/dashboard/"
