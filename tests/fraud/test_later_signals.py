"""What only time shows: each signal of the second pass with what makes it speak, and the honest thing that looks alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fraud import patterns, scoring
from fraud.assessment import Assessment
from fraud.facts import Facts, Usual
from fraud.histories import Base, Crowd, Deed, Step, Story
from fraud.rings import Ring
from fraud.rules import LATER, signal_of
from fraud.scoring import Thresholds
from fraud.weights import Weights

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CONTINUOUS = Usual(seen=100, top_amount=0.02, lowest_minor=1000, near_lowest=0.05)
OTHERS = Base(seen=200, refunded=0.05, silent=0.1, grown=100)


def story(deeds=(), *, base=OTHERS, path=(), clickers=0, usual_clickers=0.0) -> Story:
    return Story(
        subject_type="CONVERSION",
        subject_id="conv_1",
        referrer_id="mallory",
        referee_id="bikram",
        campaign_id="camp_1",
        at=NOON,
        is_held=False,
        is_over=False,
        thresholds=Thresholds(),
        deeds=tuple(deeds),
        base=base,
        path=tuple(Step(f"up{place}" if place else "conv_1", *step) for place, step in enumerate(path)),
        crowd=Crowd("ref_1", clickers, usual_clickers),
    )


def deeds(times, amount=None, **more) -> list[Deed]:
    """The first is the one that is looked at."""
    return [
        Deed(
            "conv_1" if not place else f"conv_{place + 1}",
            at,
            f"friend{place}",
            amount(place) if amount else 5000,
            **more,
        )
        for place, at in enumerate(times)
    ]


def judged(told: Story, *, usual: Usual = CONTINUOUS, ring: Ring | None = None, now=NOON + 2 * DAY) -> Assessment:
    extra = patterns.of(told, ring or Ring(("bikram",)), usual, now=now)
    sent = frozenset({"ids", "graph", "history", "amount", "click"})
    facts = Facts("CONVERSION", NOON, "mallory", "bikram", "bikram", usual=usual, sent=sent, extra=extra)
    kept = Facts.from_features(facts.features())
    assert kept.extra == facts.features().get("extra", {}), "the snapshot is what was judged"
    codes = ("RING_SIZE RING_APART DIRECT_LINKS STAR CIRCLE CHAIN REFERRAL_TREE_SPEED LOOKALIKE_DAY REGULAR_LONG STEADY_DRIP SLOW_DRIP "
             "REFUND_AFTER_REWARD HIT_AND_RUN CODE_LEAK HELD_COMPANY").split()  # fmt: skip
    weights = Weights(0, {code: signal_of(code).points for code in codes})
    return scoring.judge(kept, weights, stages=(LATER,))


def spoken(*args, **more) -> dict[str, int]:
    return {reason.code: reason.points for reason in judged(*args, **more).spoken}


def ring_of(size: int, *, key: int = 1, friends: int = 0) -> Ring:
    members = ("bikram", *(f"friend{place}" for place in range(1, size)))
    shared = {(2, key): tuple(sorted(members[: friends or 2])), (3, 7): tuple(sorted(members[-2:]))}
    return Ring(tuple(sorted(members)), shared, (2, key))


@pytest.mark.parametrize(
    ("size", "points"), [(1, None), (2, None), (5, None), (6, 30), (10, 30), (11, 45), (20, 45), (21, 60)]
)
def test_a_ring_is_six_or_more(size, points):
    assert spoken(story(), ring=ring_of(size)).get("RING_SIZE") == points


def test_many_on_one_tablet_are_no_ring_for_that():
    ring = ring_of(12, friends=12)
    shop = Ring(ring.members, {(2, 1): ring.members}, (2, 1))
    assert spoken(story(), ring=ring)["RING_SIZE"] == 45 and "RING_SIZE" not in spoken(story(), ring=shop)


@pytest.mark.parametrize(("size", "linked", "points"), [(5, 4, None), (6, 1, None), (6, 2, 20), (6, 3, 35), (9, 8, 35)])
def test_friends_of_one_referrer_who_are_linked_are_a_family_up_to_five(size, linked, points):
    told = story(deeds([NOON - place * HOUR for place in range(size)]))
    ring = ring_of(size, friends=linked + 1)
    assert spoken(told, ring=ring).get("DIRECT_LINKS") == points
    # bikram is looked at, and no friend by that name stands among the deeds
    assert spoken(told, ring=ring).get("STAR") == (25 if linked >= 5 else None)


def test_an_address_makes_no_star():
    told = story(deeds([NOON - place * HOUR for place in range(6)]))
    ring = Ring(tuple(f"friend{n}" for n in range(6)), {(1, 9): tuple(f"friend{n}" for n in range(6))}, (1, 9))
    assert "STAR" not in spoken(told, ring=ring)


def test_friends_refer_each_other_and_only_with_a_key_it_is_a_circle():
    path = [("mallory", "bikram", NOON, 1), ("bikram", "mallory", NOON - DAY, 1)]
    assert "CIRCLE" not in spoken(story(path=path))
    ring = Ring(("bikram", "mallory"), {(2, 1): ("bikram", "mallory")}, (2, 1))
    assert spoken(story(path=path), ring=ring)["CIRCLE"] == 25
    four = [
        ("a", "bikram", NOON, 1),
        ("b", "a", NOON - DAY, 1),
        ("c", "b", NOON - 2 * DAY, 1),
        ("bikram", "c", NOON - 3 * DAY, 1),
    ]
    assert "CIRCLE" in spoken(story(path=four), ring=Ring(("a", "bikram"), {(2, 1): ("a", "bikram")}, (2, 1)))


def test_a_chain_of_single_friends_and_a_viral_launch():
    path = [(f"p{n}", f"p{n - 1}", NOON - n * HOUR * 5, 1) for n in range(5)]
    assert spoken(story(path=path))["CHAIN"] == 20
    assert "CHAIN" not in spoken(story(path=path, base=Base(seen=200, quick_paths=0.5)))
    assert "CHAIN" not in spoken(story(path=[(*row[:3], 2) for row in path]))
    assert "CHAIN" not in spoken(story(path=[(*row[:2], NOON - place * 2 * DAY, 1) for place, row in enumerate(path)]))


def test_a_family_that_signs_up_on_one_evening_is_no_tree():
    path = [("sita", "bikram", NOON, 2), ("hari", "sita", NOON - HOUR, 2), ("ram", "hari", NOON - 2 * HOUR, 2)]
    home = Ring(("bikram", "hari", "ram", "sita"), {(2, 1): ("bikram", "hari", "ram", "sita")}, (2, 1))
    assert "REFERRAL_TREE_SPEED" in spoken(story(path=path)) and "REFERRAL_TREE_SPEED" not in spoken(
        story(path=path), ring=home
    )


def test_a_family_that_is_never_seen_together_is_none():
    path = [("sita", "bikram", NOON, 2), ("hari", "sita", NOON - HOUR, 2), ("ram", "hari", NOON - 2 * HOUR, 2)]
    apart = Ring(("bikram", "hari", "ram", "sita"), {(2, 1): ("bikram", "hari", "ram", "sita")}, (2, 1), is_apart=True)
    found = spoken(story(path=path), ring=apart)
    assert found["RING_APART"] == 35 and "REFERRAL_TREE_SPEED" in found
    assert "RING_APART" not in spoken(story(path=path), ring=replace(apart, known=7))  # then it is a ring by its size
    assert "RING_APART" not in spoken(story(path=path), ring=replace(apart, is_apart=False))


def test_of_three_it_says_something_where_a_stranger_brought_the_friend():
    three = Ring(("bikram", "gita", "hari"), {(2, 1): ("bikram", "gita", "hari")}, (2, 1), is_apart=True)
    assert spoken(story(), ring=three)["RING_APART"] == 35
    family = Ring(("bikram", "gita", "mallory"), {(2, 1): ("bikram", "gita", "mallory")}, (2, 1), is_apart=True)
    assert "RING_APART" not in spoken(story(), ring=family)


@pytest.mark.parametrize(("held", "of", "points"), [(2, 2, None), (3, 3, 20), (3, 6, 20), (3, 7, None)])
def test_bad_company_adds_something(held, of, points):
    others = [Deed(f"c{n}", NOON - 9 * DAY - n * n * HOUR, f"f{n}", 5000, is_held=n < held) for n in range(of)]
    assert spoken(story([*deeds([NOON]), *others])).get("HELD_COMPANY") == points


def test_a_tree_that_grows_faster_than_others():
    path = [(f"p{n}", f"p{n - 1}", NOON - n * HOUR, 2) for n in range(3)]
    assert spoken(story(path=path))["REFERRAL_TREE_SPEED"] == 25
    for base in (Base(), Base(seen=200, quick_paths=0.4)):
        assert "REFERRAL_TREE_SPEED" not in spoken(story(path=path, base=base))
    quick = [Deed(f"c{n}", NOON - DAY, f"f{n}", None, referred_at=NOON - DAY + HOUR / 2) for n in range(10)]
    assert "REFERRAL_TREE_SPEED" in spoken(story(quick, path=path[:1]))


def test_lookalikes_need_amounts_that_differ():
    alike = deeds([NOON - place * HOUR for place in range(9)], lambda place: 5000 + place)
    assert spoken(story(alike))["LOOKALIKE_DAY"] == 25
    assert "LOOKALIKE_DAY" not in spoken(story(alike), usual=Usual(seen=100, top_amount=0.9))
    # an influencer has many of every amount
    many = deeds(
        [NOON - place * HOUR / 10 for place in range(190)], lambda place: 1000 + 97 * place if place % 20 else 5000
    )
    assert "LOOKALIKE_DAY" not in spoken(story(many))


def test_clockwork_and_a_partners_import():
    exact = deeds([NOON - place * 6 * HOUR for place in range(30)])
    assert spoken(story(exact))["REGULAR_LONG"] == 20
    assert "REGULAR_LONG" not in spoken(story(exact), usual=Usual(seen=100, equal_gaps=0.8))
    batch = deeds([NOON - timedelta(seconds=place) for place in range(60)])
    assert "REGULAR_LONG" not in spoken(story(batch))
    uneven = deeds([NOON - place * place * HOUR for place in range(30)])
    assert "REGULAR_LONG" not in spoken(story(uneven))


def drip(days: int, amount: int = 1020) -> list[Deed]:
    return deeds([NOON - day * DAY - (day % 3) * HOUR for day in range(days)], lambda place: amount)


def test_a_slow_drip_of_the_cheapest_is_held_by_what_it_adds_up_to():
    low = judged(story(drip(9)))
    assert {reason.code for reason in low.spoken} == {"STEADY_DRIP", "SLOW_DRIP"} and low.score == 50
    assert spoken(story(drip(9, 8000))) == {"STEADY_DRIP": 25}
    # the cheapest plan is the popular plan
    popular = Usual(seen=100, top_amount=0.02, lowest_minor=1000, near_lowest=0.6)
    assert spoken(story(drip(9)), usual=popular) == {"STEADY_DRIP": 25}
    # a blogger's friends come in fits and starts
    fits = deeds([NOON - timedelta(days=place // 4 * 3) - place * HOUR / 4 for place in range(16)])
    assert "STEADY_DRIP" not in spoken(story(fits))


def refunded(count: int, of: int, *, after: timedelta = 5 * DAY) -> list[Deed]:
    found = deeds([NOON])
    for place in range(of):
        at = NOON - 60 * DAY + place * HOUR
        gone = place < count
        found.append(Deed(f"conv_e{place}", at, f"e{place}", 5000, at + DAY, at + DAY + after if gone else None))
    return found


@pytest.mark.parametrize(
    ("count", "of", "points"), [(0, 5, None), (1, 1, 20), (2, 3, 40), (1, 20, None), (10, 200, None), (60, 200, 40)]
)
def test_refunds_after_the_reward_count_where_they_are_many(count, of, points):
    told = spoken(story(refunded(count, of)))
    assert told.get("REFUND_AFTER_REWARD") == points


def test_one_ordinary_return_is_nobodys_fraud():
    assert "REFUND_AFTER_REWARD" not in spoken(story(refunded(1, 1, after=10 * DAY)))
    assert spoken(story(refunded(2, 2, after=10 * DAY)))["REFUND_AFTER_REWARD"] == 40


def test_fashion_comes_back_everywhere():
    assert "REFUND_AFTER_REWARD" not in spoken(story(refunded(2, 5), base=Base(seen=200, refunded=0.35)))


def test_refunds_before_the_reward_cost_nobody_anything():
    assert "REFUND_AFTER_REWARD" not in spoken(story(refunded(3, 5, after=-2 * DAY)))


def test_friends_who_are_never_seen_again():
    silent = [Deed(f"c{n}", NOON - 30 * DAY, f"f{n}", 5000, last_seen=NOON - 30 * DAY + HOUR) for n in range(6)]
    assert spoken(story(silent))["HIT_AND_RUN"] == 20
    # where one buys once everybody is
    assert "HIT_AND_RUN" not in spoken(story(silent, base=Base(seen=200, silent=0.8, grown=100)))
    back = [Deed(each.id, each.at, each.referee_id, 5000, last_seen=NOON - 20 * DAY) for each in silent]
    assert "HIT_AND_RUN" not in spoken(story(back))
    young = [Deed(each.id, NOON - 5 * DAY, each.referee_id, 5000) for each in silent]
    assert "HIT_AND_RUN" not in spoken(story(young))


@pytest.mark.parametrize(
    ("clickers", "usual", "says"), [(300, 4, True), (300, 20, False), (150, 1, False), (300, 0, False)]
)
def test_a_published_code_is_said_and_adds_nothing(clickers, usual, says):
    found = judged(story(clickers=clickers, usual_clickers=float(usual)))
    told = [reason for reason in found.reasons if reason.code == "CODE_LEAK"]
    assert bool(told) == says and found.score is None
    assert all(reason.silenced == "broadcast" for reason in told)


def test_what_is_cleared_is_shown_and_adds_nothing():
    found = judged(story(), ring=ring_of(12))
    quiet = scoring.quieted(found, {"RING_SIZE"})
    assert quiet.score is None and [reason.silenced for reason in quiet.reasons] == ["approved"]
