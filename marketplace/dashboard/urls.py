"""``/dashboard/{app_id}/marketplace/…``"""

from django.urls import path

from .code_pools import UploadListingCodes
from .counter import Counter
from .joining import Block, Joining
from .listings import DeleteListing, EditListing, ListingPage, Listings, Price, Publish
from .profile import EditProfile
from .promotions import EndPromotion, NewPromotion, Promotions
from .redemptions import Cancel, Fulfil, Redemptions, RedemptionsHere
from .statement import Statement

publish, unpublish = Publish.as_view(published=True), Publish.as_view(published=False)
block, unblock = Block.as_view(block=True), Block.as_view(block=False)
cancel_issued = Cancel.as_view(tab="marketplace_redemptions")

urlpatterns = [
    path("marketplace/", Joining.as_view(), name="marketplace"),
    path("marketplace/partners/<str:business_id>/block/", block, name="block_business"),
    path("marketplace/partners/<str:business_id>/unblock/", unblock, name="unblock_business"),
    path("marketplace/profile/", EditProfile.as_view(), name="marketplace_profile"),
    path("marketplace/listings/", Listings.as_view(), name="listings"),
    path("marketplace/listings/new/", EditListing.as_view(), name="new_listing"),
    path("marketplace/listings/price/", Price.as_view(), name="listing_price"),
    path("marketplace/listings/<str:listing_id>/", ListingPage.as_view(), name="listing"),
    path("marketplace/listings/<str:listing_id>/edit/", EditListing.as_view(), name="edit_listing"),
    path("marketplace/listings/<str:listing_id>/publish/", publish, name="publish_listing"),
    path("marketplace/listings/<str:listing_id>/unpublish/", unpublish, name="unpublish_listing"),
    path("marketplace/listings/<str:listing_id>/delete/", DeleteListing.as_view(), name="delete_listing"),
    path("marketplace/listings/<str:listing_id>/codes/", UploadListingCodes.as_view(), name="upload_listing_codes"),
    path("marketplace/promotions/", Promotions.as_view(), name="promotions"),
    path("marketplace/promotions/new/", NewPromotion.as_view(), name="new_promotion"),
    path("marketplace/promotions/<str:promotion_id>/end/", EndPromotion.as_view(), name="end_promotion"),
    path("marketplace/redemptions/", Redemptions.as_view(), name="marketplace_redemptions"),
    path("marketplace/redemptions/here/", RedemptionsHere.as_view(), name="marketplace_redemptions_here"),
    path(
        "marketplace/redemptions/<str:marketplace_redemption_id>/cancel/",
        cancel_issued,
        name="cancel_marketplace_redemption",
    ),
    path(
        "marketplace/redemptions/here/<str:marketplace_redemption_id>/fulfil/",
        Fulfil.as_view(),
        name="fulfil_redemption_here",
    ),
    path(
        "marketplace/redemptions/here/<str:marketplace_redemption_id>/cancel/",
        Cancel.as_view(),
        name="cancel_redemption_here",
    ),
    path("marketplace/counter/", Counter.as_view(), name="counter"),
    path("marketplace/statement/", Statement.as_view(), name="statement"),
]
