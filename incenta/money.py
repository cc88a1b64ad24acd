"""Money and points: whole numbers of minor units, with the asset beside them. No float takes part in arithmetic.

An asset is an ISO 4217 code, or one of the points ``XP``, ``COIN``, ``TOKEN``, which have no decimals.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache

from iso4217 import Currency

from incenta.errors import InvalidInput

XP, COIN, TOKEN = "XP", "COIN", "TOKEN"
POINTS = (XP, COIN, TOKEN)
LARGEST = 10**12
"""The largest amount taken from a client, in major units (contract, section 4)."""


@cache
def exponent(asset: str) -> int:
    """How many decimals the asset has: USD 2, JPY 0, BHD 3, points 0. Raises ``ValueError`` for an unknown one."""
    if asset in POINTS:
        return 0
    return Currency(asset).exponent or 0


def is_currency(code: object) -> bool:
    """Whether ``code`` is an ISO 4217 currency that can be paid in (fund codes and metals have no decimals of their own)."""
    try:
        return isinstance(code, str) and Currency(code).exponent is not None
    except ValueError:
        return False


def round_half_up(value: Decimal) -> int:
    """Rounds to a whole number, halves away from zero."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def as_decimal(value: object, field: str) -> Decimal:
    """A JSON number (or a decimal string from a form) as a decimal that equals what was written.

    Raises ``InvalidInput`` for anything else: booleans, NaN, infinity, text.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise InvalidInput({field: ["Must be a number."]})
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise InvalidInput({field: ["Must be a number."]}) from None
    if not number.is_finite():
        raise InvalidInput({field: ["Must be a finite number."]})
    return number


def parse(value: object, asset: str, field: str = "amount", *, largest: int = LARGEST) -> int:
    """Minor units of an amount that a client sent in major units.

    Raises ``InvalidInput`` when it is no number, negative, over ``largest``, or has more decimals than the asset.
    """
    number = as_decimal(value, field)
    if number < 0:
        raise InvalidInput({field: ["Must not be negative."]})
    if number > largest:
        raise InvalidInput({field: [f"Must not be over {largest}."]})
    minor = number.scaleb(exponent(asset))
    if minor != minor.to_integral_value():
        places = exponent(asset)
        raise InvalidInput({field: [f"{asset} has {places} decimals." if places else f"{asset} has no decimals."]})
    return int(minor)


def to_decimal(minor: int, asset: str) -> Decimal:
    """The amount in major units, exact."""
    return Decimal(minor).scaleb(-exponent(asset))


def to_number(minor: int, asset: str) -> int | float:
    """The amount in major units as the JSON number that prints shortest: 5, not 5.00; 49.99.

    Exact up to 2**53 minor units: the float is only the carrier of its own decimal digits.
    """
    major = to_decimal(minor, asset)
    whole = int(major)
    return whole if whole == major else float(major)


def display(minor: int, asset: str) -> str:
    """For people: ``USD 1,234.50``, ``JPY 500``, ``120 coins``."""
    if asset in POINTS:
        noun = {XP: "XP", COIN: "coin", TOKEN: "token"}[asset]
        return f"{minor:,} {noun}{'s' if noun != 'XP' and abs(minor) != 1 else ''}"
    return f"{asset} {to_decimal(minor, asset):,.{exponent(asset)}f}"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount and its asset, inseparable."""

    minor: int
    asset: str

    def number(self) -> int | float:
        return to_number(self.minor, self.asset)

    def __str__(self) -> str:
        return display(self.minor, self.asset)
