"""The public short links."""

from django.urls import path

from . import views

urlpatterns = [path("r/<str:slug>", views.follow, name="short_link"), path("r/<str:slug>/", views.follow)]
