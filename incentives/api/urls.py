"""The addresses of the incentive room, below both mounts."""

from django.urls import path

from . import actions, events, leaderboard
from .ledger import LedgerVerify

urlpatterns = [
    path("incentives/leaderboard", leaderboard.Leaderboard.as_view()),
    path("incentives/leaderboard/refresh", leaderboard.Refresh.as_view()),
    path("incentives/leaderboard/<user_id:user_id>", leaderboard.Place.as_view()),
    path("incentives/actions", actions.Actions.as_view()),
    path("incentives/actions/<str:key>", actions.ActionDetail.as_view()),
    path("incentives/events", events.Events.as_view()),
    path("incentives/events/bulk", events.BulkEvents.as_view()),
    path("incentives/ledger/verify", LedgerVerify.as_view(), name="ledger_verify"),
]
