"""What an allow list silences. Who is on it as a user is trusted whole; an address, a device or an e-mail is trusted as such: what it
alone says is silenced, and everything else that is known of the same person still speaks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from . import rules
from .assessment import CERTAIN, GRAPH, HIGHEST, Reason
from .facts import Facts
from .models import KeyKind

WHOLE: Final = frozenset({"ALLOWED_USER", "ALLOWED"})
"""``ALLOWED``: of a score that was kept before it said which entry it was."""
NEEDS: Final = {
    "ALLOWED_IP": frozenset({"ip"}),
    "ALLOWED_DEVICE": frozenset({"device"}),
    "ALLOWED_EMAIL": frozenset({"email", "emails"}),
}
"""Entry → what the signals need whose evidence it is."""
OF_DOMAIN: Final = frozenset({"EMAIL_DISPOSABLE", "EMAIL_DOMAIN_SAME", "EMAIL_PATTERN_FARM"})
"""What a domain says, rather than one address of it."""
KINDS: Final = {
    "ALLOWED_IP": ("IP",),
    "ALLOWED_DEVICE": ("DEVICE",),
    "ALLOWED_EMAIL": ("EMAIL", "EMAIL_PATTERN"),
    "ALLOWED_EMAIL_DOMAIN": ("EMAIL_PATTERN",),
}
"""Entry → the kinds of key by which people may hang together without being one."""


def heard(spoken: Sequence[Reason], facts: Facts) -> list[Reason]:
    """The reasons, with what lists allow silenced. The entries stay among them and add nothing by themselves. What is so by
    definition, or denied by a person, no list lifts."""
    entries = {reason.code for reason in spoken if reason.points <= -HIGHEST}
    return [_heard(reason, entries, facts) for reason in spoken] if entries else list(spoken)


def _heard(reason: Reason, entries: set[str], facts: Facts) -> Reason:
    if reason.code in entries:
        return replace(reason, points=0, silenced="allowed")
    if reason.points <= 0 or (reason.family == CERTAIN and reason.points >= HIGHEST):
        return reason
    if entries & WHOLE or _is_said_by(reason, entries, facts):
        return replace(reason, points=0, silenced="allowed")
    return reason


def _is_said_by(reason: Reason, entries: Iterable[str], facts: Facts) -> bool:
    signal = rules.signal_of(reason.code)
    if signal is None or signal.family == CERTAIN:
        return False
    kinds = _kinds(reason, facts)
    if kinds:
        return kinds <= {kind for entry in entries for kind in KINDS.get(entry, ())}
    if "ALLOWED_EMAIL_DOMAIN" in entries and reason.code in OF_DOMAIN:
        return True
    needs = frozenset().union(*(NEEDS.get(entry, frozenset()) for entry in entries))
    return not needs.isdisjoint(signal.needs)


def _kinds(reason: Reason, facts: Facts) -> set[str]:
    """The kinds of key that are its evidence, where it names them."""
    told = reason.evidence.get("kinds") or reason.evidence.get("kind")
    if not told and reason.family == GRAPH:
        told = facts.extra.get("ring_kinds")
    named = {str(kind).upper() for kind in ([told] if isinstance(told, str) else told or ())}
    return named & set(KeyKind.__members__)
