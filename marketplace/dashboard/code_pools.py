"""Uploading codes into a listing's pool: looked at first, then added, all or none."""

from incenta.code_pool import Upload
from incenta.dashboard.code_upload import CodeUploadPage
from marketplace import listings
from marketplace.models import Listing, ListingCode


class UploadListingCodes(CodeUploadPage):
    permission = "marketplace.edit"
    section = "listings"
    template_name = "marketplace/codes.html"
    noun = "listing"
    here = "upload_listing_codes"

    def find(self, listing_id: str) -> Listing:
        return listings.get(self.request.app, listing_id)

    def examine(self, sent: list[str]) -> Upload:
        return listings.examine(self.request.app, sent)

    def add(self, owner: Listing, codes: list[str]) -> dict:
        return listings.add_codes(self.request.app, owner.pk, codes)

    def left(self, owner: Listing) -> int:
        return ListingCode.objects.filter(app=self.request.app, listing=owner, redemption_id=None).count()

    def back(self, owner: Listing) -> str:
        return self.url("listing", owner.pk)
