"""The routes of people's data and of a sandbox's clock."""

from django.urls import path

from . import people, test_clock

urlpatterns = [
    path("test-clock", test_clock.TestClock.as_view()),
    path("test-clock/advance", test_clock.AdvanceClock.as_view()),
    path("users/<user_id:user_id>/export", people.Export.as_view()),
    path("users/<user_id:user_id>", people.Person.as_view()),
]
