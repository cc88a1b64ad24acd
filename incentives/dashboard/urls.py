"""``/dashboard/{app_id}/incentives/…``"""

from django.urls import path

from .actions import Actions, EditAction, MakeStarters, SwitchAction
from .backfills import Backfills
from .badges import AwardBadge, Badges, EditBadge
from .levels import DeleteLevel, EditLevel, Levels, MakeLadder
from .milestones import DeleteMilestone, EditMilestone, Milestones

urlpatterns = [
    path("incentives/actions/", Actions.as_view(), name="actions"),
    path("incentives/actions/new/", EditAction.as_view(), name="new_action"),
    path("incentives/actions/starters/", MakeStarters.as_view(), name="make_starters"),
    path("incentives/actions/<str:key>/edit/", EditAction.as_view(), name="edit_action"),
    path("incentives/actions/<str:key>/on/", SwitchAction.as_view(active=True), name="switch_action_on"),
    path("incentives/actions/<str:key>/off/", SwitchAction.as_view(active=False), name="switch_action_off"),
    path("incentives/levels/", Levels.as_view(), name="levels"),
    path("incentives/levels/new/", EditLevel.as_view(), name="new_level"),
    path("incentives/levels/ladder/", MakeLadder.as_view(), name="make_ladder"),
    path("incentives/levels/<int:level>/edit/", EditLevel.as_view(), name="edit_level"),
    path("incentives/levels/<int:level>/delete/", DeleteLevel.as_view(), name="delete_level"),
    path("incentives/badges/", Badges.as_view(), name="badges"),
    path("incentives/badges/new/", EditBadge.as_view(), name="new_badge"),
    path("incentives/badges/<str:key>/edit/", EditBadge.as_view(), name="edit_badge"),
    path("incentives/badges/<str:key>/award/", AwardBadge.as_view(), name="award_badge"),
    path("incentives/milestones/", Milestones.as_view(), name="milestones"),
    path("incentives/milestones/new/", EditMilestone.as_view(), name="new_milestone"),
    path("incentives/milestones/<str:key>/edit/", EditMilestone.as_view(), name="edit_milestone"),
    path("incentives/milestones/<str:key>/delete/", DeleteMilestone.as_view(), name="delete_milestone"),
    path("incentives/backfills/<str:noun>/", Backfills.as_view(), name="backfills"),
]
