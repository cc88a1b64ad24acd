"""What two e-mail addresses tell of each other. Pure; it answers numbers, and keeps no address."""

from dataclasses import dataclass
from typing import Final

from disposable_email_domains import blocklist

RELAYS: Final = frozenset(
    {"privaterelay.appleid.com", "duck.com", "mozmail.com", "relay.firefox.com", "simplelogin.com"}
)
"""Honest people hide behind these; they must stay out whatever the list says."""
PROVIDERS: Final = frozenset(
    ("gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com ymail.com rocketmail.com aol.com icloud.com me.com "
     "mac.com proton.me protonmail.com pm.me gmx.com gmx.net gmx.de web.de mail.com zoho.com fastmail.com tutanota.com yandex.com "
     "yandex.ru mail.ru inbox.ru bk.ru list.ru qq.com 163.com 126.com sina.com naver.com hanmail.net daum.net rediffmail.com "
     "yahoo.co.uk yahoo.co.in yahoo.co.jp yahoo.fr yahoo.de hotmail.co.uk hotmail.fr outlook.fr live.co.uk orange.fr free.fr "
     "laposte.net t-online.de libero.it wp.pl o2.pl seznam.cz btinternet.com comcast.net verizon.net att.net sbcglobal.net "
     "bigpond.com optusnet.com.au uol.com.br bol.com.br terra.com.br").split()
) | RELAYS  # fmt: skip
"""Domains that everybody uses, so that having one in common says nothing."""
COMMON_NAMES: Final = frozenset(
    "info admin contact office hello mail sales support test user me my john david michael maria anna ram sita hari john.smith "
    "james robert mary ali mohamed muhammad jose juan peter paul mark thomas daniel sarah laura".split()
)


def is_disposable(email: str | None) -> bool | None:
    """Whether the domain, or one above it, is on the list of throw-away providers; ``None`` without an address."""
    if email is None:
        return None
    labels = email.rpartition("@")[2].split(".")
    domains = [".".join(labels[start:]) for start in range(max(len(labels) - 1, 1))]
    return not RELAYS.intersection(domains) and any(domain in blocklist for domain in domains)


@dataclass(frozen=True, slots=True)
class Likeness:
    is_same: bool
    """One mailbox."""
    of_locals: float
    """Jaro-Winkler of what stands before the ``@``, 0 to 1."""
    stem_is_same: bool
    """But for digits."""
    domain_is_same: bool
    """And it is not a provider's."""
    local_is_common: bool
    """Short, or a name that many have: then likeness says little."""


def compare(one: str | None, other: str | None) -> Likeness | None:
    """Of two addresses as ``context.normal_email`` gives them; ``None`` where one is not known."""
    if one is None or other is None:
        return None
    my_local, _, my_domain = one.rpartition("@")
    local, _, domain = other.rpartition("@")
    stem, my_stem = _stem(local), _stem(my_local)
    return Likeness(
        is_same=one == other,
        of_locals=jaro_winkler(my_local[:64], local[:64]),
        stem_is_same=stem == my_stem and len(stem) >= 3 and my_local != local,
        domain_is_same=my_domain == domain and domain not in PROVIDERS,
        local_is_common=len(my_stem) < 6 or my_stem in COMMON_NAMES or my_local in COMMON_NAMES,
    )


def _stem(local: str) -> str:
    return "".join(letter for letter in local if letter.isalpha())


def jaro_winkler(one: str, other: str) -> float:
    """0 for nothing in common to 1 for the same, with weight on how they begin."""
    if one == other:
        return 1.0
    if not one or not other:
        return 0.0
    reach = max(len(one), len(other)) // 2 - 1
    taken = [False] * len(other)
    matched = []
    for place, letter in enumerate(one):
        for there in range(max(0, place - reach), min(len(other), place + reach + 1)):
            if not taken[there] and other[there] == letter:
                taken[there] = True
                matched.append(letter)
                break
    if not matched:
        return 0.0
    swapped = sum(a != b for a, b in zip(matched, (o for o, t in zip(other, taken, strict=True) if t), strict=True)) / 2
    count = len(matched)
    jaro = (count / len(one) + count / len(other) + (count - swapped) / count) / 3
    prefix = 0
    for a, b in zip(one[:4], other[:4], strict=False):
        if a != b:
            break
        prefix += 1
    return jaro + prefix * 0.1 * (1 - jaro)
