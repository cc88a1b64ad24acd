"""``/dashboard/…``: pages of a person, before or beside any app."""

from django.conf import settings
from django.urls import path

from incenta.accounts.mailbox import BACKEND

from . import mailbox
from .business import Start
from .preferences import Preferences

urlpatterns = [
    path("start/", Start.as_view(), name="start"),
    path("preferences/", Preferences.as_view(), name="preferences"),
]
if settings.EMAIL_BACKEND == BACKEND:
    urlpatterns.append(path("mailbox/", mailbox.show, name="mailbox"))
