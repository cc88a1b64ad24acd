"""Honest people, one file a cohort. Each says how many conversions it adds at scale 1, and adds whole groups until they are there."""

from . import (
    carriers,
    colleagues,
    everybody,
    flash_sale,
    friends,
    households,
    influencer,
    kiosk,
    office,
    partner,
)

ALL = (everybody, office, carriers, households, influencer, flash_sale, partner, kiosk, friends, colleagues)
