"""``/dashboard/{app_id}/…``: the pages that gather what every room has to say."""

from django.urls import path

from .audit import Audit
from .notifications import Dismiss, Notifications
from .overview import HideSteps, Overview
from .people import Person
from .saved_views import DeleteView, SaveView
from .search import Search

urlpatterns = [
    path("overview/", Overview.as_view(), name="overview"),
    path("overview/steps/hide/", HideSteps.as_view(), name="hide_first_steps"),
    path("people/", Person.as_view(), name="people"),
    path("audit/", Audit.as_view(), name="audit"),
    path("notifications/", Notifications.as_view(), name="notifications"),
    path("notifications/dismiss/", Dismiss.as_view(), name="dismiss_notice"),
    path("notifications/restore/", Dismiss.as_view(is_back=True), name="restore_notice"),
    path("views/save/", SaveView.as_view(), name="save_view"),
    path("views/delete/", DeleteView.as_view(), name="delete_view"),
    path("search/", Search.as_view(), name="search"),
]
