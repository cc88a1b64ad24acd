"""The routes of the plumbing itself."""

from django.urls import path

from incenta.api.schema import OpenApiView

urlpatterns = [path("openapi.json", OpenApiView.as_view(), name="openapi")]
