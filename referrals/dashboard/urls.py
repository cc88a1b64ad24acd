"""``/dashboard/{app_id}/…``"""

from django.urls import path

from referrals.models.campaign import CampaignStatus

from .campaign_tabs import Activity, CodeSettings
from .campaign_wizard import NewCampaign
from .campaigns import CampaignDetail, Campaigns, EditCampaign, SetStatus, Versions
from .conversions import ConversionPage, Conversions, ReverseConversion
from .first_run import FirstRun
from .fraud_samples import MakeSamples
from .payouts import ConfirmPayout, DeclinePayout, PayoutPage, Payouts, PayoutSettingsPage, WithdrawPayout
from .referrals import CampaignReferrals, FlagReferral, ReferralPage, Referrals
from .reward_batches import RewardBatch
from .reward_page import ApproveReward, CancelReward, HoldReward, PayReward, ReleaseReward, RewardPage
from .rewards import Rewards
from .simulations import SimulateCampaign
from .try_it import TryCampaign

new_campaign = NewCampaign.as_view(url_name="new_campaign")

urlpatterns = [
    path("first-run/", FirstRun.as_view(), name="first_run"),
    path("campaigns/", Campaigns.as_view(), name="campaigns"),
    path("campaigns/new/", new_campaign, name="new_campaign"),
    *(
        path(f"campaigns/new/{step}/", new_campaign, {"step": step}, name=f"new_campaign_{step}")
        for step, _ in NewCampaign.form_list
    ),
    path("campaigns/<str:campaign_id>/", CampaignDetail.as_view(), name="campaign"),
    path("campaigns/<str:campaign_id>/edit/", EditCampaign.as_view(), name="edit_campaign"),
    path("campaigns/<str:campaign_id>/simulate/", SimulateCampaign.as_view(), name="simulate_campaign"),
    path("campaigns/<str:campaign_id>/pause/", SetStatus.as_view(status=CampaignStatus.PAUSED), name="pause_campaign"),
    path("campaigns/<str:campaign_id>/start/", SetStatus.as_view(status=CampaignStatus.ACTIVE), name="start_campaign"),
    path("campaigns/<str:campaign_id>/versions/", Versions.as_view(), name="campaign_versions"),
    path("campaigns/<str:campaign_id>/codes/", CodeSettings.as_view(), name="campaign_codes"),
    path("campaigns/<str:campaign_id>/try/", TryCampaign.as_view(), name="try_campaign"),
    path("campaigns/<str:campaign_id>/activity/", Activity.as_view(), name="campaign_activity"),
    path("campaigns/<str:campaign_id>/referrals/", CampaignReferrals.as_view(), name="campaign_referrals"),
    path("referrals/", Referrals.as_view(), name="referrals"),
    path("referrals/<str:referral_id>/", ReferralPage.as_view(), name="referral"),
    path("referrals/<str:referral_id>/flag/", FlagReferral.as_view(), name="flag_referral"),
    path("conversions/", Conversions.as_view(), name="conversions"),
    path("conversions/<str:conversion_id>/", ConversionPage.as_view(), name="conversion"),
    path("conversions/<str:conversion_id>/reverse/", ReverseConversion.as_view(), name="reverse_conversion"),
    path("rewards/", Rewards.as_view(), name="rewards"),
    path("rewards/batch/", RewardBatch.as_view(), name="reward_batch"),
    path("rewards/payouts/", Payouts.as_view(), name="payouts"),
    path("rewards/payouts/settings/", PayoutSettingsPage.as_view(), name="payout_settings"),
    path("rewards/payouts/<str:payout_id>/", PayoutPage.as_view(), name="payout"),
    path("rewards/payouts/<str:payout_id>/confirm/", ConfirmPayout.as_view(), name="confirm_payout"),
    path("rewards/payouts/<str:payout_id>/decline/", DeclinePayout.as_view(), name="decline_payout"),
    path("rewards/payouts/<str:payout_id>/withdraw/", WithdrawPayout.as_view(), name="withdraw_payout"),
    path("rewards/<str:reward_id>/", RewardPage.as_view(), name="reward"),
    path("rewards/<str:reward_id>/approve/", ApproveReward.as_view(), name="approve_reward"),
    path("rewards/<str:reward_id>/pay/", PayReward.as_view(), name="pay_reward"),
    path("rewards/<str:reward_id>/cancel/", CancelReward.as_view(), name="cancel_reward"),
    path("rewards/<str:reward_id>/hold/", HoldReward.as_view(), name="hold_reward"),
    path("rewards/<str:reward_id>/release/", ReleaseReward.as_view(), name="release_reward"),
    path("fraud/samples/", MakeSamples.as_view(), name="make_fraud_samples"),
]
