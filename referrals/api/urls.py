"""The referral programme's routes."""

from django.urls import path

from . import campaigns, conversions, referrals, rewards, simulations

urlpatterns = [
    path("campaigns", campaigns.Campaigns.as_view()),
    path("campaigns/<str:campaign_id>", campaigns.CampaignDetail.as_view()),
    path("campaigns/<str:campaign_id>/simulate", simulations.SimulateCampaign.as_view()),
    path("referrals", referrals.Referrals.as_view()),
    path("referrals/<str:code>", referrals.ReferralDetail.as_view()),
    path("referrals/<str:code>/flag", referrals.FlagReferral.as_view()),
    path("clicks", referrals.Clicks.as_view()),
    path("conversions", conversions.Conversions.as_view()),
    path("conversions/<str:conversion_id>", conversions.ConversionDetail.as_view()),
    path("conversions/<str:conversion_id>/reverse", conversions.ReverseConversion.as_view()),
    path("rewards", rewards.Rewards.as_view()),
    path("rewards/validate", rewards.ValidateCode.as_view()),
    path("rewards/redeem", rewards.RedeemReward.as_view()),
    path("rewards/approve", rewards.ApproveRewards.as_view()),
    path("rewards/cancel", rewards.CancelRewards.as_view()),
    path("rewards/pay", rewards.PayRewards.as_view()),
    path("rewards/<str:reward_id>", rewards.RewardDetail.as_view()),
    path("rewards/<str:reward_id>/claim", rewards.ClaimReward.as_view()),
    path("rewards/<str:reward_id>/approve", rewards.ApproveReward.as_view()),
    path("rewards/<str:reward_id>/cancel", rewards.CancelReward.as_view()),
    path("rewards/<str:reward_id>/pay", rewards.PayReward.as_view()),
    path("rewards/<str:reward_id>/hold", rewards.HoldReward.as_view()),
    path("rewards/<str:reward_id>/release", rewards.ReleaseReward.as_view()),
    path("stats", conversions.Stats.as_view()),
    path("users/<user_id:user_id>/rewards", rewards.UserRewards.as_view()),
    path("users/<path:user_id>/stats", conversions.UserStats.as_view()),
]
