"""The marketplace's rows: businesses, what they offer, who may spend there, what was redeemed, and who owes whom."""

from .listing import CodeSource, ExpiryPolicy, Listing, ListingCode, ListingStock
from .participation import Participation
from .profile import Profile, ProfileStatus
from .promotion import Promotion
from .redemption import Redemption, RedemptionStatus
from .settlement import SettlementEntry

__all__ = [
    "CodeSource",
    "ExpiryPolicy",
    "Listing",
    "ListingCode",
    "ListingStock",
    "Participation",
    "Profile",
    "ProfileStatus",
    "Promotion",
    "Redemption",
    "RedemptionStatus",
    "SettlementEntry",
]
