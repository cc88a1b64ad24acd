"""What a merchant saw of an end user, in the form in which it is compared. Pure.

A value that says nothing of the person counts as not sent: a private address, the caller's own address, ``undefined`` for a device.
"""

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

DOTLESS: Final = frozenset({"gmail.com", "googlemail.com"})
"""Domains where dots in the local part are decoration."""
SAYS_NOTHING: Final = frozenset(
    ("null", "undefined", "none", "nil", "nan", "unknown", "n/a", "na", "test", "device", "deviceid", "false", "true")
)
"""What programs send for a device that they do not know."""
CARRIER_NAT: Final = ip_network("100.64.0.0/10")


@dataclass(frozen=True, slots=True)
class Context:
    """Of one end user at one call. ``None`` is not sent, or says nothing."""

    sent: Mapping[str, str] = field(default_factory=dict)
    """As it came, by the names of the API."""
    ip: str | None = None
    """As it was told, where it can be the user's; also the one that lists are asked for."""
    network: str | None = None
    """What is compared: the address, or for IPv6 its /64, which one subscriber holds."""
    ip_gap: str = ""
    """Why an address that was sent says nothing: ``private``, ``caller``, ``reserved``."""
    user_agent: str | None = None
    agent: str = ""
    """What the user agent is: ``browser``, ``app``, ``headless``, ``bot``, ``library``; empty where it is not sent or the caller's."""
    language: str | None = None
    device: str | None = None
    email: str | None = None
    """By ``normal_email``."""
    phone: str | None = None
    payment: str | None = None
    country: str | None = None
    landing_url: str | None = None
    session: str | None = None

    @property
    def is_empty(self) -> bool:
        return not self.sent

    @property
    def has_keys(self) -> bool:
        """Whether something was sent that another user could share."""
        return bool(self.network or self.device or self.email or self.phone or self.payment)


NOTHING: Final = Context()


def of(
    sent: Mapping[str, str] | None,
    *,
    caller: str | None = None,
    caller_agent: str | None = None,
    is_browser: bool = False,
) -> Context:
    """Of a ``context`` as the API took it. ``caller`` and ``caller_agent`` are those of the HTTP call: a merchant's server, whose
    address and user agent are no end user's, unless the caller ``is_browser``, who is the end user himself.

    Never raises: what makes no sense says nothing.
    """
    if not sent:
        return NOTHING
    address, gap = _address(sent.get("ip"), None if is_browser else caller)
    agent = sent.get("userAgent")
    # a server that fills in its own user agent has not seen one
    is_callers = agent is not None and not is_browser and (agent == caller_agent or gap == "caller")
    said = None if is_callers else agent
    kind = "" if said is None else agent_kind(said)
    if kind == "library" and address is None and "deviceId" not in sent:
        kind = ""  # nothing says that this is an end user's and not the merchant's own program
    return Context(
        sent=dict(sent),
        ip=None if address is None else str(address),
        network=None if address is None else _network(address),
        ip_gap=gap,
        user_agent=said,
        agent=kind,
        language=sent.get("acceptLanguage"),
        device=_device(sent.get("deviceId")),
        email=_email(sent.get("email")),
        phone=_phone(sent.get("phone")),
        payment=_device(sent.get("paymentFingerprint")),
        country=(sent.get("country") or "").upper() or None,
        landing_url=sent.get("landingUrl"),
        session=sent.get("sessionId"),
    )


# --- addresses ------------------------------------------------------------------------------------------------------
def read_address(text: str | None) -> IPv4Address | IPv6Address | None:
    """An address as it is compared; IPv4 within IPv6 is IPv4. ``None`` where it is none."""
    if not text or len(text) > 60:
        return None
    try:
        found = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


@lru_cache(maxsize=4096)
def _address(text: str | None, caller: str | None) -> tuple[IPv4Address | IPv6Address | None, str]:
    address = read_address(text)
    if address is None:
        return None, ""
    if caller and read_address(caller) == address:
        return None, "caller"
    if address.is_private or address.is_loopback or address.is_link_local:
        return None, "private"
    if not address.is_global or address.is_multicast or (address.version == 4 and address in CARRIER_NAT):
        return None, "reserved"
    return address, ""


def _network(address: IPv4Address | IPv6Address) -> str:
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))


MOST_HOPS: Final = 20


def forwarded_ip(header: str | None, *, caller: str | None, behind_proxy: bool = False) -> str | None:
    """The end user in an ``X-Forwarded-For`` that a merchant's server sent on: from the right, the first hop that is neither
    private nor the caller's, for only what stands left of it could have been made up. Where a proxy of ours stands in front, the
    last entry is the caller and was written by that proxy. Looks at the last 20 hops."""
    if not header:
        return None
    hops = [hop.strip() for hop in header[-MOST_HOPS * 60 :].split(",")][-MOST_HOPS:]
    for hop in reversed(hops[:-1] if behind_proxy else hops):
        address, gap = _address(hop, caller)
        if address is not None:
            return str(address)
        if not gap:  # not an address at all: whoever wrote it is not to be believed about what stands left of it
            return None
    return None


# --- what is compared -----------------------------------------------------------------------------------------------
def normal_email(text: str) -> str:
    """An address as its owner's mailbox: lower case, without ``+tag`` anywhere, and without dots where dots do not count.

    What has no ``@`` comes back in lower case.
    """
    local, at, domain = unicodedata.normalize("NFKC", text).strip().casefold().rpartition("@")
    if not at:
        return domain
    domain = domain.strip().rstrip(".")
    if not domain.isascii():
        with suppress(UnicodeError):
            domain = domain.encode("idna").decode()
    local = local.partition("+")[0] or local
    if domain in DOTLESS:
        domain, local = "gmail.com", local.replace(".", "") or local
    return f"{local}@{domain}"


ROLES: Final = frozenset(
    (
        "accounts admin anonymous billing checkout contact customer customers email guest hello help info mail na no-email no-reply "
        "nobody noemail none noreply null office order orders sales shop store support team test unknown user walkin webmaster"
    ).split()
)
"""Mailboxes of nobody in particular: a till that has no address types one, and strangers would be linked by it."""
_MAILBOX: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def _email(text: str | None) -> str | None:
    """``None`` for what is no mailbox, and for one that is nobody's own."""
    if not text:
        return None
    found = normal_email(text)
    return found if _MAILBOX.fullmatch(found) and found.partition("@")[0] not in ROLES else None


def _phone(text: str | None) -> str | None:
    """Its digits without leading zeros; fewer than seven are no number."""
    digits = "".join(
        str(unicodedata.digit(letter)) for letter in text or "" if unicodedata.digit(letter, None) is not None
    )
    digits = digits.lstrip("0")
    return digits if len(digits) >= 7 and len(set(digits)) > 1 else None


def _device(text: str | None) -> str | None:
    """An opaque value; ``undefined``, zeros and their like are not one."""
    found = (text or "").strip()
    if not found or found.casefold() in SAYS_NOTHING:
        return None
    return found if len(set(found.replace("-", ""))) > 1 else None


# --- user agents ----------------------------------------------------------------------------------------------------
_HEADLESS: Final = (
    "headless",
    "phantomjs",
    "selenium",
    "puppeteer",
    "playwright",
    "webdriver",
    "htmlunit",
    "slimerjs",
    "electron-bot",
)
_LIBRARY: Final = (
    "curl/", "wget/", "python-requests", "python-urllib", "python/", "aiohttp", "httpx", "go-http-client", "java/", "apache-httpclient",
    "axios/", "node-fetch", "undici", "node.js", "guzzlehttp", "php/", "ruby", "faraday", "libwww-perl", "postmanruntime", "insomnia",
    "restsharp", "scrapy", "mechanize", "winhttp", "powershell", "node",
)  # fmt: skip
"""Programs without a person. What phone apps are built with (okhttp, Dart, CFNetwork) is not here: that is a person's app."""
_APPS: Final = ("okhttp", "dart/", "cfnetwork", "dalvik", "reactnative", "flutter")
_BOT: Final = ("bot/", "bot;", "bot ", "spider", "crawler", "slurp", "facebookexternalhit", "bingpreview")


@lru_cache(maxsize=4096)
def agent_kind(text: str) -> str:
    """What a user agent says of itself. Empty or blank says that it hides."""
    said = text.strip().casefold()
    if not said:
        return "headless"
    if any(word in said for word in _HEADLESS):
        return "headless"
    if any(word in said for word in _APPS):
        return "app"
    if said.startswith(_LIBRARY):
        return "library"
    if any(word in said for word in _BOT) or said.endswith("bot"):
        return "bot"
    return "browser"
