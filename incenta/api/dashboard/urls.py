"""``/dashboard/{app_id}/log/…``"""

from django.urls import path

from .calls import Call, Calls
from .failures import Failures
from .usage import Usage

urlpatterns = [
    path("usage/", Usage.as_view(), name="usage"),
    path("log/", Failures.as_view(), name="request_log"),
    path("log/requests/", Calls.as_view(), name="api_calls"),
    path("log/requests/<str:request_id>/", Call.as_view(), name="api_call"),
]
