"""What the marketplace holds of a person: redemptions, known to the issuing app alone."""

from incenta.accounts import people
from incenta.accounts.people import Holding

from .models.redemption import Redemption


def tell() -> None:
    """Once, when the room is ready."""
    people.hold(Holding("marketplaceRedemptions", Redemption, ("user_id",)))
