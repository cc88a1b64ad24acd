"""``/dashboard/{app_id}/webhooks/…``"""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
