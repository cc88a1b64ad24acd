"""What merchants see of people, for tests of looks."""

from itertools import count

from tests.cast import Caller

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{} Safari/537.36"
number = count(1)


def person(name: str, **more) -> dict:
    """Somebody with a device, an address, a browser and a mailbox of his own."""
    place = next(number)
    return {
        "ip": f"81.{place // 60_000 % 200}.{place // 250 % 250}.{place % 250 + 1}",
        "userAgent": BROWSER.format(place),
        "deviceId": f"device-{name}-{place}",
        "email": f"{name.replace(' ', '.')}@{name.replace(' ', '-')}-{place}.example",
    } | more


def friend_of(himal: Caller, code: str, name: str, *, amount: float = 50, **context):
    """A conversion of somebody's, with a context."""
    return himal.convert(code, name, amount, context=person(name) | context)


def signals(himal: Caller, conversion_id: str) -> dict[str, int]:
    """Signal → points, of the decision trace; silenced ones at zero."""
    risk = himal.get(f"/conversions/{conversion_id}")["trace"]["risk"]
    return {signal["code"]: signal["points"] for signal in risk["signals"]}


def silenced(himal: Caller, conversion_id: str) -> dict[str, str]:
    risk = himal.get(f"/conversions/{conversion_id}")["trace"]["risk"]
    return {signal["code"]: signal["silenced"] for signal in risk["signals"] if signal["silenced"]}
