"""``/dashboard/{app_id}/incentives/…``"""

from django.urls import path

from .actions import Actions, EditAction, MakeStarters, SwitchAction

urlpatterns = [
    path("incentives/actions/", Actions.as_view(), name="actions"),
    path("incentives/actions/new/", EditAction.as_view(), name="new_action"),
    path("incentives/actions/starters/", MakeStarters.as_view(), name="make_starters"),
    path("incentives/actions/<str:key>/edit/", EditAction.as_view(), name="edit_action"),
    path("incentives/actions/<str:key>/on/", SwitchAction.as_view(active=True), name="switch_action_on"),
    path("incentives/actions/<str:key>/off/", SwitchAction.as_view(active=False), name="switch_action_off"),
]
