"""``/dashboard/…``: pages of a person, before or beside any app."""

from django.urls import path

from .business import Start
from .preferences import Preferences

urlpatterns = [
    path("start/", Start.as_view(), name="start"),
    path("preferences/", Preferences.as_view(), name="preferences"),
]
