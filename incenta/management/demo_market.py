"""The demo's marketplace: the demo merchant and a café are each other's partners, with listings, codes and redemptions."""

from datetime import timedelta
from decimal import Decimal

from incenta import clock
from incenta.accounts import create_merchant
from incenta.accounts.models import App, Merchant, User
from incentives import adjusting
from marketplace import listings, participation, profiles, promotions, redeeming, redemptions
from marketplace.models import Listing, ProfileStatus

PARTNER_EMAIL = "mitra@incenta.example"
COFFEE = "A coffee and a slice of cake"
BREAKFAST = "Breakfast for two"
TENT = "15 % off any tent"
PURSES = {"asha": 5_000, "bikram": 1_500, "chandra": 600, "diya": 250}
"""Coins of the demo app's users."""
AGREED = Decimal("0.05")

AT_THE_CAFE = (
    {
        "title": COFFEE,
        "description": "Filter coffee or tea, and a slice of whatever came out of the oven this morning.",
        "category": "Food and drink",
        "coin_cost": 150,
        "coin_rate": Decimal("0.02"),
        "terms": "Once a visit, at the counter. Not to take away.",
        "valid_days": 30,
        "code_prefix": "CAFE",
        "low_stock_at": None,
    },
    {
        "title": BREAKFAST,
        "description": "Eggs, bread, fruit and two hot drinks, on Saturdays and Sundays.",
        "category": "Food and drink",
        "coin_cost": 900,
        "coin_rate": Decimal("0.015"),
        "max_per_user": 2,
        "valid_days": 60,
        "low_stock_at": 10,
        "codes": [f"BRUNCH-{number:04}-{number * 7919 % 9973:04}" for number in range(1, 13)],
    },
    {
        "title": "An evening of momo cooking",
        "description": "Two hours in our kitchen, and you eat what you made.",
        "category": "Evenings",
        "coin_cost": 2_400,
        "token_cost": 5,
        "coin_rate": Decimal("0.01"),
        "inventory": 8,
        "max_per_user": 1,
    },
    {"title": "A kilo of beans", "category": "Groceries", "coin_cost": 1_100, "published": False},
)
AT_THE_OUTFITTERS = (
    {
        "title": TENT,
        "description": "Any tent in the shop or online, also those that are reduced.",
        "category": "Outdoors",
        "coin_cost": 400,
        "coin_rate": Decimal("0.01"),
        "discount": {"type": "PERCENTAGE", "value": 15},
        "valid_days": 90,
        "code_prefix": "TENT",
    },
    {
        "title": "Waterproofing of a jacket",
        "description": "Washed and made waterproof again, ready in three days.",
        "category": "Outdoors",
        "coin_cost": 650,
        "coin_rate": Decimal("0.01"),
        "inventory": 40,
        "low_stock_at": 5,
    },
)


def prepare(app: App, password: str) -> Listing:
    """Makes what is not there yet. Answers the listing that an ordinary user of ``app`` can redeem again and again."""
    cafe = partner(password)
    made = [stocked(cafe, values) for values in AT_THE_CAFE]
    business(
        app,
        name="Himal Outfitters",
        description="Tents, boots and jackets for the hills around the corner and the high ones.",
        category="Outdoors",
        url="https://outfitters.example/",
        country="NP",
    )
    for values in AT_THE_OUTFITTERS:
        stocked(app, values)
    for one in (app, cafe):
        if not participation.of(one).joined:
            participation.revise(one, {"joined": True, "most_a_coin": AGREED})
    coffee, is_new = made[0]
    if is_new and not app.marketplace_redemptions.exists():
        happen(app, cafe)
    return coffee


def partner(password: str) -> App:
    """Café Mitra's live app, with a user who can sign in."""
    user = User.objects.filter(email=PARTNER_EMAIL).first()
    if user is None:
        user = User.objects.create_user(PARTNER_EMAIL, password, name="Mitra")
        create_merchant(user, "Café Mitra", app_name="Mitra Rewards")
    elif not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    merchant = Merchant.objects.filter(memberships__user=user).order_by("created_at").first()
    cafe = merchant.apps.filter(sandbox_of=None).order_by("created_at").first()
    business(
        cafe,
        name="Café Mitra",
        description="Coffee, cake and long breakfasts, five minutes from the lake.",
        category="Food and drink",
        url="https://mitra.example/",
        contact_email=PARTNER_EMAIL,
        country="NP",
    )
    return cafe


def business(app: App, **values: str) -> None:
    if profiles.of(app) is None:
        profile = profiles.create(app, values, actor="demo")
        if profile.status == ProfileStatus.PENDING:
            profiles.verify(profile.pk, reason="Made by the demo.")


def stocked(app: App, values: dict) -> tuple[Listing, bool]:
    """The listing of this title, and whether it is new."""
    there = app.listings.filter(title=values["title"], deleted_at=None).order_by("created_at").first()
    return (there, False) if there else (listings.create(app, values, actor="demo"), True)


def happen(app: App, cafe: App) -> None:
    """Coins for the users, and redemptions of every kind between the two."""
    now = clock.now(app)
    coffee, breakfast, cooking = (
        cafe.listings.get(title=title, deleted_at=None) for title in (COFFEE, BREAKFAST, AT_THE_CAFE[2]["title"])
    )
    tent = app.listings.get(title=TENT, deleted_at=None)
    for user_id, coins in PURSES.items():
        adjusting.adjust(app, user_id, coins=coins, tokens=10, reason="Welcome to the demo", actor="demo")
    adjusting.adjust(cafe, "regular-17", coins=2_000, reason="Welcome to the demo", actor="demo")

    def redeem(issuer: App, user_id: str, listing: Listing) -> str:
        return redeeming.redeem(issuer, user_id=user_id, listing_id=listing.pk, actor="demo")["redemptionId"]

    redemptions.fulfil(cafe, redeem(app, "asha", coffee), order_reference="table 4", actor="demo")
    redemptions.fulfil(cafe, redeem(app, "bikram", coffee), order_reference="table 2", actor="demo")
    redemptions.cancel(app, redeem(app, "chandra", coffee), reason="Redeemed by mistake", actor="demo")
    redeem(app, "asha", breakfast)
    redeem(app, "asha", cooking)
    redemptions.fulfil(app, redeem(cafe, "regular-17", tent), order_reference="HO-10417", actor="demo")
    redeem(cafe, "regular-17", tent)
    promotions.create(
        cafe,
        listing_id=coffee.pk,
        percent_off=20,
        starts_at=now,
        ends_at=now + timedelta(days=60),
        name="Rainy days",
        actor="demo",
    )
    redeem(app, "diya", coffee)
