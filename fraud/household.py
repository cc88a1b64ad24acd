"""Households: up to five people who share a device or a card are a family as often as a cheat with five names, so that alone never
holds anybody. Measured on labelled rewards: of clusters of two to five fewer were cheats than of people by themselves; of six and more
most were. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from .assessment import IDENTITY, Reason
from .facts import Facts
from .models import KeyKind

MOST: Final = 5
CAP: Final = 45
"""What sharing within a household adds at most: under the usual threshold."""
SHARING: Final = frozenset(
    ("DEVICE_SELF", "DEVICE_SHARED", "DEVICE_CO_SIGNUP", "PAYMENT_SELF", "PAYMENT_SHARED", "EMAIL_DOMAIN_SAME")
)  # fmt: skip
"""Signals of what people who live together share. An alias of the referrer's mailbox or a confirmed cheat's card is not of them."""
SAME_HOME: Final = frozenset(("IP_SELF", "IP_SHARED", "CIRCLE"))
"""What a shared device says already; and who lives together refers each other, on one evening and one after the other."""
OF_ONE: Final = {"PHONE_SAME": KeyKind.PHONE, "EMAIL_SHARED": KeyKind.EMAIL}
"""Signals of what a couple may share, and nobody else does: three accounts with one telephone or one mailbox are one person's."""
COUPLE: Final = 2
BESIDE: Final = frozenset(("EMAIL_DISPOSABLE",))
"""Who lives with others may have a throw-away address: that makes no cheat of him, and no household of strangers."""
PROGRAMS: Final = frozenset(("headless", "bot", "library"))
AT_ONCE: Final = 3
"""Seconds. Who signs up beside his friend is quick; a program is quicker."""


def size(facts: Facts) -> int:
    """How many people share this user's device, card or phone, he and his referrer included."""
    shared = [
        near.accounts + 1 + near.with_referrer
        for kind, near in facts.neighbours.items()
        if kind.is_strong and not near.is_hub
    ]
    return max([1, *shared, int(facts.extra.get("ring_size") or 0)])


def considered(facts: Facts, spoken: Sequence[Reason], caps: Mapping[str, int]) -> tuple[list[Reason], dict[str, int]]:
    """The reasons and caps as they count where a household is the simplest explanation."""
    identity = [reason for reason in spoken if reason.family == IDENTITY and reason.points > 0]
    if not identity and _is_beside(facts):
        return [_silenced(reason) if _is_quick(reason, facts) else reason for reason in spoken], dict(caps)
    if not _is_home(identity, facts):
        return list(spoken), dict(caps)
    kept = [_silenced(reason) if _is_told_by_home(reason, facts) else reason for reason in spoken]
    people = size(facts)
    note = Reason(
        identity[0].type,
        0,
        f"{people} people who share this may be a household, so what they share counts {CAP} points at most.",
        {"people": people, "most": MOST},
        code="HOUSEHOLD",
        family=IDENTITY,
        silenced="household",
    )
    return [*kept, note], {**caps, IDENTITY: min(caps.get(IDENTITY, CAP), CAP)}


def _is_home(identity: Sequence[Reason], facts: Facts) -> bool:
    """Whether living together explains all that they share. People who do are seen at one address, sooner or later."""
    shared = [reason for reason in identity if reason.code not in BESIDE]
    if not shared or size(facts) > MOST or facts.extra.get("ring_apart"):
        return False
    return all(_is_of_home(reason, facts) for reason in shared)


def _silenced(reason: Reason) -> Reason:
    return replace(reason, points=0, silenced="household") if reason.points > 0 else reason


def _is_beside(facts: Facts) -> bool:
    """Whether the friend sits where the referrer lives, and few others do."""
    ip = facts.of(KeyKind.IP)
    return ip is not None and ip.with_referrer and not ip.is_hub and ip.accounts + 2 <= MOST


def _is_told_by_home(reason: Reason, facts: Facts) -> bool:
    if reason.code == "CHAIN":
        return facts.extra.get("chain", 0) < MOST  # so many referrals in a row are one person more
    if reason.code == "REFERRAL_TREE_SPEED":
        return facts.extra.get("quick_friends", 0) < MOST and facts.extra.get("tree_levels", 0) < MOST
    return reason.code in SAME_HOME or _is_quick(reason, facts)


def _is_quick(reason: Reason, facts: Facts) -> bool:
    """Whether signing up at the referrer's table says why it went so fast: a person, and not within an instant."""
    if reason.code != "INSTANT_CONVERSION" or facts.agent in PROGRAMS:
        return False
    return (facts.seconds_from_click or 0) >= AT_ONCE


def _is_of_home(reason: Reason, facts: Facts) -> bool:
    if reason.code in OF_ONE:
        near = facts.of(OF_ONE[reason.code])
        return near is not None and near.accounts + 1 + near.with_referrer <= COUPLE
    return reason.code in SHARING or (reason.code == "SELF_EMAIL_SIMILAR" and facts.email_local_is_common)
