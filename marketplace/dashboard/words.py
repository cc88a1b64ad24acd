"""The marketplace's numbers in plain sentences: what a user pays, what that makes an app owe, and up to how much."""

from datetime import datetime
from decimal import Decimal

from incenta import money
from incentives.dashboard.words import points
from marketplace import redeeming
from marketplace.models import Listing, Participation


def plain(number: Decimal | None) -> str:
    """``0.01`` of ``0.010000``; nothing of nothing."""
    if number is None:
        return ""
    return f"{number.normalize():f}" if number else "0"


def rate(number: Decimal, currency: str) -> str:
    """``USD 0.01``, with as many decimals as it has and at least the currency's own."""
    places = max(money.exponent(currency), -number.normalize().as_tuple().exponent)
    return f"{currency} {number:,.{places}f}"


def state(listing: Listing, inventory: int | None, now: datetime) -> tuple[str, str]:
    """The class and the word of a listing's status; what stands in the way of a sale comes first."""
    if listing.deleted_at is not None:
        return "revoked", "Deleted"
    if not listing.published:
        return "off", "Not on offer"
    if listing.ends_at is not None and listing.ends_at <= now:
        return "expired", "Ended"
    if inventory == 0:
        return "held", "Sold out"
    if listing.starts_at is not None and listing.starts_at > now:
        return "scheduled", "Scheduled"
    return "active", "On offer"


def is_low(listing: Listing, inventory: int | None) -> bool:
    """Whether so few are left that the merchant asked to be warned."""
    return inventory is not None and listing.low_stock_at is not None and 0 <= inventory <= listing.low_stock_at


def ceilings(participation: Participation | None, currency: str) -> list[str]:
    """What an app has agreed to owe, as somebody would say it who signs for it."""
    said = [
        (noun, most)
        for noun, most in (
            ("coin", participation.most_a_coin if participation else None),
            ("token", participation.most_a_token if participation else None),
        )
    ]
    told = []
    for noun, most in said:
        if most is None:
            told.append(
                f"For each {noun} that your users spend at a partner, you owe what the listing asks: there is no ceiling."
            )
        elif most == 0:
            told.append(
                f"You owe a partner nothing for a {noun}: only listings that ask nothing for it are offered to your users."
            )
        else:
            hundred = money.display(money.round_half_up((most * 100).scaleb(money.exponent(currency))), currency)
            told.append(
                f"You owe a partner up to {rate(most, currency)} for each {noun} that your users spend there: "
                f"up to {hundred} for 100 {noun}s."
            )  # fmt: skip
    if any(most is not None for _, most in said):
        told.append(f"Listings that ask for more, or in another currency than {currency}, are not offered to them.")
    return told


def paid(coins: int, tokens: int) -> str:
    """``100 coins, 1 token``; ``nothing`` where it is free."""
    told = points(0, coins, tokens)
    return "nothing" if told == "–" else told


def reduced(listing: Listing, percent_off: int) -> tuple[int, int]:
    """Coins and tokens that a user pays while so much is off."""
    return tuple((cost * (100 - percent_off) + 50) // 100 for cost in (listing.coin_cost, listing.token_cost))


def price(listing: Listing, percent_off: int = 0) -> list[str]:
    """What one redemption means for both sides: at the full price, and at the one of a promotion that runs."""

    def owed(coins: int, tokens: int) -> str:
        rates = {"coin_rate": listing.coin_rate, "token_rate": listing.token_rate}
        minor = redeeming.owed(coins, tokens, currency=listing.currency, **rates)
        return money.display(minor, listing.currency)

    full = (listing.coin_cost, listing.token_cost)
    told = [f"A user pays {paid(*full)}."]
    is_owed = listing.coin_rate or listing.token_rate
    if is_owed:
        told.append(f"The app that the user comes from owes you {owed(*full)} for it.")
    else:
        told.append("Nobody owes you anything for it: at a rate of 0 it is your gift to new customers.")
    if percent_off:
        now = reduced(listing, percent_off)
        more = f", and you are owed {owed(*now)}" if is_owed else ""
        told.append(f"While your promotion of {percent_off} % off runs, a user pays {paid(*now)}{more}.")
    return told


def discount(said: dict | None, currency: str) -> str:
    """``20 % off``, ``USD 5.00 off``; nothing where the listing says it in words."""
    if not said:
        return ""
    value = Decimal(str(said["value"]))
    if said["type"] == "PERCENTAGE":
        return f"{plain(value)} % off"
    return f"{money.display(money.parse(value, currency), currency)} off"
