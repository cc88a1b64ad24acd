"""What anybody may open who holds a link."""

from django.urls import path

from .team import Accept

urlpatterns = [
    path("accounts/invitation/<str:token>/", Accept.as_view(), name="invitation"),
]
