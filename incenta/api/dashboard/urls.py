"""``/dashboard/{app_id}/log/…``"""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
