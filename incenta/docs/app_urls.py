"""``/dashboard/{app_id}/…``: the way from an app to its documents."""

from django.urls import path

from .pages import OpenDocs

urlpatterns = [path("docs/", OpenDocs.as_view(), name="docs")]
