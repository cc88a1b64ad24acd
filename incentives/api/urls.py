"""The addresses of the incentive room, below both mounts."""

from django.urls import path

from . import actions, adjustments, badges, balances, catalog, events, leaderboard, levels, milestones, settings
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
    path("incentives/balances", balances.Balances.as_view()),
    path("incentives/balances/<user_id:user_id>/entries", balances.BalanceEntries.as_view()),
    path("incentives/balances/<user_id:user_id>", balances.Balance.as_view()),
    path("incentives/adjustments", adjustments.Adjustments.as_view()),
    path("incentives/users/<user_id:user_id>", balances.UserSettings.as_view()),
    path("incentives/levels", levels.Levels.as_view()),
    path("incentives/levels/<int:level>", levels.LevelDetail.as_view()),
    path("incentives/badges", badges.Badges.as_view()),
    path("incentives/badges/user/<user_id:user_id>", badges.UserBadges.as_view()),
    path("incentives/badges/<str:key>", badges.BadgeDetail.as_view()),
    path("incentives/badges/<str:key>/award", badges.AwardBadge.as_view()),
    path("incentives/milestones", milestones.Milestones.as_view()),
    path("incentives/milestones/rules", milestones.MilestoneRules.as_view()),
    path("incentives/milestones/rules/<str:key>", milestones.MilestoneRule.as_view()),
    path("incentives/settings", settings.Settings.as_view()),
    path("incentives/backfills", settings.Backfills.as_view()),
    path("incentives/backfills/<str:backfill_id>", settings.BackfillDetail.as_view()),
    path("incentives/ledger/verify", LedgerVerify.as_view(), name="ledger_verify"),
]
