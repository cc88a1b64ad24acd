"""Patterns: what the story of a subject and its ring come to in numbers, for the signals of the second pass. Pure.

Times after the subject's own count too, for at the second look they are known; but nothing counts that the campaign does anyway.
"""

import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from .facts import Usual
from .histories import Story
from .history import is_near_lowest
from .rings import Ring

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
QUICK = timedelta(hours=1)
PATH_WITHIN = timedelta(hours=6)
MOST_AT_HOME, LEAST_APART = 5, 4
ALIKE = 0.02
MOST_SHOWN = 5
DRIP_WITHIN, LEAST_DRIP = timedelta(days=14), 7
LONGEST_PAUSE = timedelta(hours=40)
SILENT_AFTER = timedelta(days=14)
LATE_REFUND = (timedelta(days=12), timedelta(days=35))
SOON_AFTER_REWARD, AT_ONCE_AFTER_REWARD = timedelta(days=30), timedelta(days=7)


def of(story: Story, ring: Ring, usual: Usual | None, *, now: datetime) -> dict[str, Any]:
    """Names → numbers and words, of what is there; what is not there is not named."""
    found = _ring(story, ring) | _company(story) | _refunds(story, now)
    times = sorted(deed.at for deed in story.deeds)
    found |= _path(story, ring) | _timing(story, times) | _drip(story, usual)
    found |= _silence(story, now) | _crowd(story)
    if story.base.seen:
        base = story.base
        found |= {
            "base_seen": base.seen,
            "base_refunded": base.refunded,
            "base_silent": base.silent,
            "base_grown": base.grown,
            "base_quick_paths": base.quick_paths,
        }
    return {name: value for name, value in found.items() if value not in (None, False, 0, 0.0, "", [])}


# --- links ----------------------------------------------------------------------------------------------------------
def _ring(story: Story, ring: Ring) -> dict[str, Any]:
    found: dict[str, Any] = {"ring_size": ring.size if ring.size > 1 else 0}
    if ring.size > 1:
        found |= {
            "ring_kinds": list(ring.kinds),
            "ring_keys": len(ring.shared),
            "ring_users": list(ring.members[:MOST_SHOWN]),
            "ring_apart": _is_apart(story, ring),
        }
    friends = {deed.referee_id for deed in story.deeds}
    if story.referee_id is not None:
        linked = ring.linked_to(story.referee_id, friends - {story.referrer_id})
        found |= {"linked_friends": len(linked), "linked_users": sorted(linked)[:MOST_SHOWN]}
    most, kind = ring.most_on_one_key(friends - {story.referrer_id})
    return found | {"star_friends": most, "star_kind": kind if most else ""}


def _is_apart(story: Story, ring: Ring) -> bool:
    """Never seen at one address. Of a family of three that is often chance; but a family member is brought by one of the family."""
    if not ring.is_apart or ring.size > MOST_AT_HOME:
        return False
    is_brought_from_outside = story.referee_id is not None and not ring.linked_to(story.referee_id, [story.referrer_id])
    return ring.size >= LEAST_APART or is_brought_from_outside


def _company(story: Story) -> dict[str, Any]:
    """Of those whom the referrer brought, and of those by whom he came: how many are held or were found to be fraud."""
    others = {deed.id: deed.is_held for deed in story.deeds} | {step.id: step.is_held for step in story.path}
    others.pop(story.subject_id, None)
    return {"company": len(others), "company_held": sum(others.values())}


def _path(story: Story, ring: Ring) -> dict[str, Any]:
    """Upwards from this conversion: a circle, a chain of single friends, a tree that grows too fast."""
    path = list(story.path)
    if not path or story.referee_id is None:
        return {}
    found: dict[str, Any] = {}
    for depth, step in enumerate(path[1:4], start=2):
        if step.referrer_id == story.referee_id:
            people = {story.referee_id, *(each.referrer_id for each in path[: depth - 1])}
            shares = any(len(people.intersection(users)) >= 2 for users in ring.shared.values())
            found |= {"circle": depth, "circle_shares_key": shares}
            break
    chain = 1
    for later, sooner in pairwise(path):
        if later.friends != 1 or not timedelta(0) <= later.at - sooner.at <= DAY:
            break
        chain += 1
    levels = 1
    for step in path[1:]:
        if not timedelta(0) <= story.at - step.at <= PATH_WITHIN:
            break
        levels += 1
    at_home = {story.referee_id, *(step.referrer_id for step in path[:levels])}
    if ring.size <= MOST_AT_HOME and not ring.is_apart and at_home.issubset(ring.members):
        levels = 1  # a family that signs up on one evening
    quick = sum(
        deed.referred_at is not None and timedelta(0) <= deed.referred_at - deed.at <= QUICK for deed in story.deeds
    )
    return found | {
        "chain": chain if chain > 1 else 0,
        "tree_levels": levels if levels > 1 else 0,
        "quick_friends": quick,
    }


# --- time -----------------------------------------------------------------------------------------------------------
def _timing(story: Story, times: Sequence[datetime]) -> dict[str, Any]:
    mine = next((deed for deed in story.deeds if deed.id == story.subject_id), None)
    found: dict[str, Any] = {"deeds": len(times)}
    if mine and mine.amount_minor:
        found["lookalikes_day"] = sum(
            deed.id != mine.id
            and deed.amount_minor is not None
            and abs(deed.at - mine.at) <= DAY
            and abs(deed.amount_minor - mine.amount_minor) <= ALIKE * mine.amount_minor
            for deed in story.deeds
        )
        found["deeds_day"] = sum(deed.id != mine.id and abs(deed.at - mine.at) <= DAY for deed in story.deeds)
    gaps = [(later - sooner).total_seconds() for sooner, later in pairwise(times)]
    mean = statistics.fmean(gaps) if gaps else 0.0
    if len(gaps) >= 8 and mean >= 60:  # what comes in one batch has no rhythm
        found |= {"long_gaps": len(gaps), "long_gap_variation": statistics.pstdev(gaps) / mean}
        # an exact rhythm varies by nothing, and nothing is what is left out
        found["long_gap_variation"] = max(found["long_gap_variation"], 1e-4)
    return found


def _drip(story: Story, usual: Usual | None) -> dict[str, Any]:
    """Few a day, without a day's pause, for a week or more, around this one: honest people come in fits and starts."""
    times = sorted(deed.at for deed in story.deeds if abs(deed.at - story.at) < DRIP_WITHIN)
    run: list[datetime] = []
    for at in times:
        if run and at - run[-1] > LONGEST_PAUSE:
            if run[-1] >= story.at:
                break
            run = []
        run.append(at)
    found: dict[str, Any] = {}
    if len(run) >= LEAST_DRIP:
        found |= {"drip_days": (run[-1] - run[0]) // DAY + 1, "drip_of": len(run), "drip_most": _most_in_a_day(run)}
    lowest = usual.lowest_minor if usual else None
    if lowest:
        nearest = sorted(story.deeds, key=lambda deed: abs(deed.at - story.at))[:20]
        near = [is_near_lowest(deed.amount_minor, lowest) for deed in nearest]
        found |= {"near_lowest_long": sum(near), "near_lowest_of": len(near)}
    return found


def _most_in_a_day(times: Sequence[datetime]) -> int:
    return max(sum(start <= at < start + DAY for at in times) for start in times)


# --- what became of it ----------------------------------------------------------------------------------------------
def _refunds(story: Story, now: datetime) -> dict[str, Any]:
    """Earlier ones of this referrer, by what was known when this was looked at."""
    earlier = [deed for deed in story.deeds if deed.id != story.subject_id]
    refunded = [deed for deed in earlier if deed.refunded_at is not None and deed.refunded_at <= now]
    soon = [
        deed
        for deed in refunded
        if deed.rewarded_at is not None and timedelta(0) <= deed.refunded_at - deed.rewarded_at <= SOON_AFTER_REWARD
    ]
    late = [deed for deed in refunded if LATE_REFUND[0] <= deed.refunded_at - deed.at <= LATE_REFUND[1]]
    old = [deed for deed in earlier if now - deed.at >= LATE_REFUND[0]]
    return {
        "refunds": len(refunded),
        "refund_share": len(refunded) / len(earlier) if earlier else 0.0,
        "refunds_after_reward": len(soon),
        "refunds_at_once": sum(deed.refunded_at - deed.rewarded_at <= AT_ONCE_AFTER_REWARD for deed in soon),
        "late_refunds": len(late),
        "late_refund_share": len(late) / len(old) if old else 0.0,
    }


def _silence(story: Story, now: datetime) -> dict[str, Any]:
    grown = [deed for deed in story.deeds if now - deed.at >= SILENT_AFTER]
    silent = [deed for deed in grown if deed.last_seen is None or deed.last_seen < deed.at + DAY]
    return {"grown_friends": len(grown), "silent_friends": len(silent)}


def _crowd(story: Story) -> dict[str, Any]:
    crowd = story.crowd
    if not crowd.usual:
        return {}
    return {
        "clickers": crowd.clickers,
        "usual_clickers": crowd.usual,
        "source": crowd.source,
        "source_share": crowd.source_share,
    }
