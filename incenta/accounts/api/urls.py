"""The routes of people's data."""

from django.urls import path

from . import people

urlpatterns = [
    path("users/<user_id:user_id>/export", people.Export.as_view()),
    path("users/<user_id:user_id>", people.Person.as_view()),
]
