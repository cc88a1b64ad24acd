"""``/dashboard/{app_id}/marketplace/…``"""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
