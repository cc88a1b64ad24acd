"""``/dashboard/…``; the pages of an app are joined in by ``incenta/urls.py``, for this room knows no programme."""

from django.urls import path

from .home import Entry

urlpatterns = [
    path("", Entry.as_view(), name="entry"),
]
