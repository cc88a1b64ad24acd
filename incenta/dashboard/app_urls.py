"""``/dashboard/{app_id}/…``: the pages that gather what every room has to say."""

from django.urls import path

from .overview import Overview
from .people import Person
from .search import Search

urlpatterns = [
    path("overview/", Overview.as_view(), name="overview"),
    path("people/", Person.as_view(), name="people"),
    path("search/", Search.as_view(), name="search"),
]
