"""A market day: businesses that sell, apps that joined, users with coins. Everything through the API, but the operator's word."""

from datetime import datetime
from zoneinfo import ZoneInfo

from incenta.accounts.models import App
from incentives import ledger
from marketplace import profiles, settlement
from tests.cast import Answer, Caller


def opens(shop: Caller, name: str = "", **settings) -> str:
    """A verified business, whose own users may spend everywhere. Answers its id."""
    made = shop.post("/incentives/marketplace/profile", {"name": name or shop.app.name})
    assert made.status == 201, made
    if made["status"] == "PENDING":
        profiles.verify(made["id"])
    joins(shop, **settings)
    return made["id"]


def joins(shop: Caller, **settings) -> None:
    joined = shop.patch("/incentives/marketplace/settings", {"joined": True} | settings)
    assert joined.status == 200, joined


def sells(shop: Caller, title: str = "Coffee", **fields) -> str:
    """A listing for 100 coins, at a cent a coin unless told otherwise. Answers its id."""
    sent = {"title": title, "coinCost": 100, "currency": "USD", "coinRate": 0.01} | fields
    made = shop.post("/incentives/marketplace/listings", sent)
    assert made.status == 201, made
    return made["id"]


def earns(shop: Caller, user: str, coins: int = 1_000, **more) -> None:
    made = shop.post("/incentives/adjustments", {"userId": user, "coins": coins, "reason": "Thanks"} | more)
    assert made.status == 201, made


def redeems(shop: Caller, listing: str, user: str = "asha") -> Answer:
    made = shop.post("/incentives/marketplace/redeem", {"listingId": listing, "userId": user})
    assert made.status == 201, made
    return made


def fulfils(shop: Caller, code: str, **more) -> Answer:
    return shop.post("/incentives/marketplace/fulfill", {"code": code} | more)


def cancels(shop: Caller, redemption: str, **more) -> Answer:
    return shop.patch(f"/incentives/marketplace/redemptions/{redemption}", {"status": "CANCELLED"} | more)


def statement(shop: Caller, month: str = "", **more) -> Answer:
    asked = {"month": month, "limit": "100"} | more
    query = "&".join(f"{name}={value}" for name, value in asked.items() if value)
    return shop.get(f"/incentives/marketplace/statement?{query}")


def at(app: App, moment: str) -> datetime:
    """Stops a sandbox's clock at a wall-clock time of the app's zone."""
    when = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(app.timezone))
    app.clock_frozen_at = when
    app.save()
    return when


def books_are_right(*apps: App) -> None:
    for app in apps:
        found = ledger.verify(app)
        assert found["ok"], found["drift"]
        assert settlement.verify(app) == []
