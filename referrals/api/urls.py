"""The referral programme's routes."""

from django.urls import path

from . import campaigns, conversions, referrals

urlpatterns = [
    path("campaigns", campaigns.Campaigns.as_view()),
    path("campaigns/<str:campaign_id>", campaigns.CampaignDetail.as_view()),
    path("referrals", referrals.Referrals.as_view()),
    path("referrals/<str:code>", referrals.ReferralDetail.as_view()),
    path("clicks", referrals.Clicks.as_view()),
    path("conversions", conversions.Conversions.as_view()),
    path("conversions/<str:conversion_id>", conversions.ConversionDetail.as_view()),
    path("conversions/<str:conversion_id>/reverse", conversions.ReverseConversion.as_view()),
    path("stats", conversions.Stats.as_view()),
    path("users/<path:user_id>/stats", conversions.UserStats.as_view()),
]
