"""``/dashboard/{app_id}/widgets/…``"""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
