"""The friend's address looks like the referrer's. People are named alike, so it never suffices alone, and counts half for short or
common names, and within one firm, where a scheme makes the addresses."""

from ..assessment import IDENTITY, Reason
from ..facts import Facts
from . import Signal

NEAR = 0.92
"""Jaro-Winkler of what stands before the ``@``."""


def judge(facts: Facts, points: int) -> Reason | None:
    if facts.email_is_referrers or facts.email_likeness is None:
        return None
    if facts.email_likeness == 1:
        share, how = 35, "is the same name at another provider"
    elif facts.email_stem_is_same:
        # an initial and a surname are a whole family's, so with nothing but a common address it stays below the usual threshold
        share, how = 30, "differs from the referrer's only by digits"
    elif facts.email_likeness >= NEAR:
        share, how = 25, "is very like the referrer's"
    else:
        return None
    if facts.email_local_is_common or facts.email_domain_is_same:
        share //= 2
    evidence = {"likeness": round(facts.email_likeness, 2), "commonName": facts.email_local_is_common}
    return SELF_EMAIL_SIMILAR.reason(points * share // 35, f"The friend's e-mail address {how}.", evidence)


SELF_EMAIL_SIMILAR = Signal(
    code="SELF_EMAIL_SIMILAR",
    type="DUPLICATE_ACCOUNT",
    family=IDENTITY,
    points=35,
    needs=("emails",),
    judge=judge,
    describe="The e-mail addresses of referrer and friend are alike.",
)
