"""``/dashboard/{app_id}/incentives/…``"""

from django.urls import path

from incentives.models.catalog import RedemptionStatus

from .actions import Actions, EditAction, MakeStarters, SwitchAction
from .backfills import Backfills
from .badges import AwardBadge, Badges, EditBadge
from .catalog import Catalog, DeleteItem, EditItem, UploadCodes
from .leaderboard import Leaderboard, ShowOnBoards
from .ledgers import Ledger, Ledgers, SetVisibility
from .levels import DeleteLevel, EditLevel, Levels, MakeLadder
from .milestones import DeleteMilestone, EditMilestone, Milestones
from .redemptions import Redemptions, Settle
from .settings import Settings

fulfil = Settle.as_view(status=RedemptionStatus.FULFILLED)
cancel = Settle.as_view(status=RedemptionStatus.CANCELLED)

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
    path("incentives/settings/", Settings.as_view(), name="incentive_settings"),
    path("incentives/backfills/<str:noun>/", Backfills.as_view(), name="backfills"),
    path("incentives/users/", Ledgers.as_view(), name="ledgers"),
    path("incentives/users/one/", Ledger.as_view(), name="ledger"),
    path("incentives/users/visibility/", SetVisibility.as_view(), name="set_visibility"),
    path("incentives/leaderboard/", Leaderboard.as_view(), name="leaderboard"),
    path("incentives/leaderboard/visibility/", ShowOnBoards.as_view(), name="show_on_boards"),
    path("incentives/catalog/", Catalog.as_view(), name="catalog"),
    path("incentives/catalog/new/", EditItem.as_view(), name="new_item"),
    path("incentives/catalog/<str:item_id>/edit/", EditItem.as_view(), name="edit_item"),
    path("incentives/catalog/<str:item_id>/delete/", DeleteItem.as_view(), name="delete_item"),
    path("incentives/catalog/<str:item_id>/codes/", UploadCodes.as_view(), name="upload_codes"),
    path("incentives/redemptions/", Redemptions.as_view(), name="redemptions"),
    path("incentives/redemptions/<str:redemption_id>/fulfil/", fulfil, name="fulfil_redemption"),
    path("incentives/redemptions/<str:redemption_id>/cancel/", cancel, name="cancel_redemption"),
]
