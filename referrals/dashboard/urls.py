"""``/dashboard/{app_id}/…``"""

from django.urls import path

from referrals.models.campaign import CampaignStatus

from .campaigns import CampaignDetail, Campaigns, EditCampaign, NewCampaign, SetStatus, Versions
from .fraud_samples import MakeSamples
from .referrals import CampaignReferrals

urlpatterns = [
    path("campaigns/", Campaigns.as_view(), name="campaigns"),
    path("campaigns/new/", NewCampaign.as_view(), name="new_campaign"),
    path("campaigns/<str:campaign_id>/", CampaignDetail.as_view(), name="campaign"),
    path("campaigns/<str:campaign_id>/edit/", EditCampaign.as_view(), name="edit_campaign"),
    path("campaigns/<str:campaign_id>/pause/", SetStatus.as_view(status=CampaignStatus.PAUSED), name="pause_campaign"),
    path("campaigns/<str:campaign_id>/start/", SetStatus.as_view(status=CampaignStatus.ACTIVE), name="start_campaign"),
    path("campaigns/<str:campaign_id>/versions/", Versions.as_view(), name="campaign_versions"),
    path("campaigns/<str:campaign_id>/referrals/", CampaignReferrals.as_view(), name="campaign_referrals"),
    path("fraud/samples/", MakeSamples.as_view(), name="make_fraud_samples"),
]
