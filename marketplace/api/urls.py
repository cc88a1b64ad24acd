"""The addresses of the marketplace, below both mounts."""

from django.urls import path

from . import fulfill, listings, profile, promotions, public, redeem, redemptions, settings, statement, verify

urlpatterns = [
    path("incentives/marketplace/profile", profile.BusinessProfile.as_view()),
    path("incentives/marketplace/settings", settings.MarketplaceSettings.as_view()),
    path("incentives/marketplace/listings", listings.Listings.as_view()),
    path("incentives/marketplace/listings/<str:listing_id>", listings.ListingDetail.as_view()),
    path("incentives/marketplace/listings/<str:listing_id>/codes", listings.ListingCodes.as_view()),
    path("incentives/marketplace/promotions", promotions.Promotions.as_view()),
    path("incentives/marketplace/promotions/<str:promotion_id>", promotions.PromotionDetail.as_view()),
    path("incentives/marketplace/public/listings", public.PublicListings.as_view()),
    path("incentives/marketplace/public/listings/<str:listing_id>", public.PublicListing.as_view()),
    path("incentives/marketplace/verify/<user_id:user_id>", verify.Verify.as_view()),
    path("incentives/marketplace/redeem", redeem.RedeemListing.as_view()),
    path("incentives/marketplace/fulfill", fulfill.Fulfill.as_view()),
    path("incentives/marketplace/statement", statement.Statement.as_view()),
    path("incentives/marketplace/redemptions", redemptions.MarketplaceRedemptions.as_view()),
    path("incentives/marketplace/redemptions/<str:redemption_id>", redemptions.MarketplaceRedemption.as_view()),
]
