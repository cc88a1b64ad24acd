"""The route of the feed."""

from django.urls import path

from .feed import Feed

urlpatterns = [path("events", Feed.as_view())]
