"""Where a webhook may go: the check of a URL when it is saved and sent, and the check of an address when a socket is opened.

The second is the real guard. ``ipaddress``'s own flags are not one: they call ``::127.0.0.1``, ``64:ff9b::a9fe:a9fe`` and
``2002:7f00:1::1`` public. So IPv6 is an allow list (global unicast without its special parts), and IPv4 a list of exceptions.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from yarl import URL

LONGEST_URL = 2048
_REFUSED_V4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's host agent: a public number for a private service
    )
]
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = [
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")  # Teredo and kin, samples, 6to4, samples
]
_REFUSED_NAMES = ("localhost", "internal", "local", "home.arpa", "localdomain")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Refused(ValueError):
    """The target is not one we send to. The text is a sentence for the merchant and says nothing of our network."""


def is_public(address: str) -> bool:
    """Whether a concrete address is out on the internet. Text that is no address is not."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _REFUSED_V4)
    return ip.scope_id is None and ip in _GLOBAL_V6 and not any(ip in network for network in _REFUSED_V6)


def check(text: str, *, allows_private: bool) -> str:
    """The URL as it will be requested: normalised, its host in ASCII. Raises :class:`Refused`.

    It is parsed by the library that will request it, so that the two cannot disagree on which host it names.
    """
    if len(text) > LONGEST_URL:
        raise Refused(f"Must have at most {LONGEST_URL} characters.")
    if not text.isprintable() or " " in text or "\\" in text:
        raise Refused("Must be a URL without spaces or control characters.")
    try:
        url = URL(text)
    except ValueError:
        raise Refused("Must be a URL such as https://example.com/hooks.") from None
    host = (url.raw_host or "").lower()
    if not host or url.scheme not in ("https", "http"):
        raise Refused("Must be a URL such as https://example.com/hooks.")
    if url.scheme == "http" and not allows_private:
        raise Refused("Must use https.")
    if url.user is not None or url.password is not None:
        raise Refused("Must not contain a user name or password.")
    if url.port is None or not (url.port in (80, 443) or url.port >= 1024):
        raise Refused("Must use port 443, 80, or one of 1024 and above.")
    _check_host(host, allows_private)
    return str(url.with_fragment(None))


def _check_host(host: str, allows_private: bool) -> None:
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        if not (allows_private or is_public(host)):
            raise Refused("This address is not allowed.")
        return
    name = host.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("Must name a valid host.")
    if _NUMBER.fullmatch(labels[-1]):
        raise Refused("Must name a host, or write its address in the usual form.")  # 127.1, 0x7f.1, 2130706433
    if allows_private:
        return
    if len(labels) == 1 or any(name == refused or name.endswith("." + refused) for refused in _REFUSED_NAMES):
        raise Refused("This address is not allowed.")
