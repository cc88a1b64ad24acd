"""``/dashboard/{app_id}/…``"""

from django.urls import path

from .business import NewApp
from .keys import Keys, NewKey, RevokeKey, RollKey

urlpatterns = [
    path("apps/new/", NewApp.as_view(), name="new_app"),
    path("keys/", Keys.as_view(), name="keys"),
    path("keys/new/", NewKey.as_view(), name="new_key"),
    path("keys/<str:key_id>/roll/", RollKey.as_view(), name="roll_key"),
    path("keys/<str:key_id>/revoke/", RevokeKey.as_view(), name="revoke_key"),
]
