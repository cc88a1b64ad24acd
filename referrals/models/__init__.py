"""The referral programme: campaigns, codes, clicks, conversions, rewards, and the figures folded from them."""

from .campaign import Campaign, CampaignSpend, CampaignVersion
from .click import Click
from .conversion import Conversion, Reversal
from .payout import Payout, PayoutSettings
from .referral import Referral
from .reward import Reward
from .stat import CampaignTotal, ReferralTotal, StatDay, StatDelta

__all__ = [
    "Campaign",
    "CampaignSpend",
    "CampaignTotal",
    "CampaignVersion",
    "Click",
    "Conversion",
    "Payout",
    "PayoutSettings",
    "Referral",
    "ReferralTotal",
    "Reversal",
    "Reward",
    "StatDay",
    "StatDelta",
]
