"""The addresses of the incentive room, below both mounts."""

from django.urls import path

from . import actions, catalog, events, leaderboard
from .ledger import LedgerVerify

urlpatterns = [
    path("incentives/catalog", catalog.Catalog.as_view()),
    path("incentives/catalog/<str:item_id>", catalog.CatalogItem.as_view()),
    path("incentives/redeem", catalog.Redeem.as_view()),
    path("incentives/redemptions", catalog.Redemptions.as_view()),
    path("incentives/redemptions/<str:redemption_id>", catalog.Redemption.as_view()),
    path("incentives/leaderboard", leaderboard.Leaderboard.as_view()),
    path("incentives/leaderboard/refresh", leaderboard.Refresh.as_view()),
    path("incentives/leaderboard/<user_id:user_id>", leaderboard.Place.as_view()),
    path("incentives/actions", actions.Actions.as_view()),
    path("incentives/actions/<str:key>", actions.ActionDetail.as_view()),
    path("incentives/events", events.Events.as_view()),
    path("incentives/events/bulk", events.BulkEvents.as_view()),
    path("incentives/ledger/verify", LedgerVerify.as_view(), name="ledger_verify"),
]
