"""Words of the review pages."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template
from django.utils.dateparse import parse_datetime

from fraud import file_kinds
from fraud.dashboard.decisions import DONE
from fraud.models import Verdict

register = template.Library()

FAMILIES = {
    "IDENTITY": "identity",
    "NETWORK": "network",
    "TIMING": "timing",
    "VALUE": "value",
    "COINS": "coins",
    "GRAPH": "links",
    "CERTAIN": "ids",
}

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

SILENCES = {
    "hub": "many honest people share it",
    "muted": "somebody muted it",
    "allowed": "on the allow list",
    "usual": "it is usual here",
    "household": "a household would look the same",
    "shop": "a shop's own device",
    "broadcast": "it speaks of the code, not of its buyers",
    "missing": "nothing was sent to judge it by",
    "no_context": "nothing was sent of the friend",
}
OUTCOMES = {"APPROVED": "Released", "REJECTED": "Confirmed as fraud", "MOOT": "Nothing left to decide"}


@register.filter
def risk_band(score: int) -> str:
    """``high`` from 80, ``middle`` from 50, else ``low``: beside the number, never instead of it."""
    return "high" if score >= 80 else "middle" if score >= 50 else "low"


@register.filter
def of(found: Mapping[str, Any], name: str) -> Any:
    return found.get(name)


@register.filter
def who(names: Mapping[str, str], actor: str) -> str:
    """``user:12`` by name; a key, a deadline or the system as it is."""
    return names.get(actor, actor)


@register.filter
def families(names: list[str]) -> str:
    """``identity, network``"""
    return ", ".join(FAMILIES.get(name, name.lower()) for name in names)


@register.filter
def silence_words(why: str) -> str:
    """Why a signal that is so adds nothing."""
    return SILENCES.get(why, why)


@register.filter
def moment(text: str) -> datetime | None:
    """The moment that a description tells as the API does; ``None`` where it tells something else."""
    return parse_datetime(text) if MOMENT.fullmatch(text) else None


@register.filter
def deed(verdict: str) -> str:
    """What somebody did, in the words of the buttons."""
    return DONE[Verdict(verdict)]


@register.filter
def file_size(size: int) -> str:
    """``3 KB``"""
    return file_kinds.in_words(size)


@register.filter
def outcome(name: str) -> str:
    """What became of a closed case."""
    return OUTCOMES.get(name, name.capitalize())


@register.filter
def flip_words(flip: Mapping[str, Any]) -> str:
    """The smallest change that would turn the decision, as a sentence."""
    if "missing" in flip:
        return f"{flip['missing']} points more and it would have been held."
    return f"Without {' and '.join(flip['without'])} it would not have been held (score {flip['score']})."
