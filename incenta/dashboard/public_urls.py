"""What anybody may open."""

from django.urls import path

from .home import Theme, front

urlpatterns = [
    path("", front, name="front"),
    path("theme/", Theme.as_view(), name="theme"),
]
