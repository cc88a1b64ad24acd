"""The generator of scenarios: the same seed is the same world, cheats are what they are said to be, and nothing gives them away that a
detector has no business to learn."""

import itertools
import statistics
from collections import Counter, defaultdict
from datetime import timedelta

import pytest

from bench.scenarios import attacks, cohorts
from bench.scenarios.calls import COVERAGES, Click, Context, Convert, Happen, Redeem, Refer, Reverse, body_of
from bench.scenarios.families import RANGES
from bench.scenarios.world import START, Config, generate
from incentives.api.events import EventInput
from referrals.api.conversions import ConversionInput, ReverseInput
from referrals.api.referrals import ClickInput, ReferralInput

SMALL = Config(family="dev", seed=3, scale=0.1)


@pytest.fixture(scope="module")
def world():
    return generate(SMALL)


@pytest.fixture(scope="module")
def careless():
    """Only the careless, of two seeds."""
    return [generate(Config(family="dev", seed=seed, scale=0.5, levels=("L0",))) for seed in (5, 6)]


def conversions(world, scenario, level=""):
    found = [
        (call, label)
        for call in world.calls
        if isinstance(call, Convert) and (label := world.truth.conversions[call.number]).scenario == scenario
        if not level or label.level == level
    ]
    assert found
    return found


def test_the_same_seed_is_the_same_world(world):
    again = generate(SMALL)

    assert again.calls == world.calls
    assert again.truth == world.truth


@pytest.mark.parametrize("other", [{"seed": 4}, {"family": "tune"}, {"family": "held-out"}])
def test_another_seed_is_another_world(world, other):
    mine = generate(Config(**{"family": "dev", "seed": 3, "scale": 0.1} | other))

    people = lambda sealed: {call.context.device_id for call in sealed.calls if getattr(call, "context", None)}  # noqa: E731
    assert not (people(mine) & people(world)) - {None}


def test_leaving_a_scenario_out_changes_no_other():
    both, alone = (generate(Config(seed=2, scale=0.05, only=frozenset(only))) for only in ({"F2", "L3"}, {"F2"}))

    devices = lambda sealed: [call.context.device_id for call, _ in conversions(sealed, "F2")]  # noqa: E731
    assert sorted(devices(both)) == sorted(devices(alone))


def test_an_unknown_family_is_refused():
    with pytest.raises(KeyError):
        generate(Config(family="open"))


def test_calls_come_in_the_order_of_time_and_name_what_was_before(world):
    assert [call.number for call in world.calls] == list(range(len(world.calls)))
    assert all(one.at <= other.at for one, other in itertools.pairwise(world.calls))
    for call in world.calls:
        if isinstance(call, Click | Convert):
            assert isinstance(world.calls[call.refer], Refer)
            assert call.refer < call.number
            assert world.calls[call.refer].app == call.app
        if isinstance(call, Reverse):
            assert isinstance(world.calls[call.convert], Convert)
            assert call.convert < call.number


def test_each_conversion_has_its_truth_and_no_other_call_has(world):
    made = {call.number for call in world.calls if isinstance(call, Convert)}

    assert set(world.truth.conversions) == made
    assert {call.user_id for call in world.calls if isinstance(call, Happen | Redeem)} == {
        user for _, user in world.truth.users
    }


def test_nobody_converts_twice_at_a_merchant(world):
    counted = Counter((call.app, call.referee_id) for call in world.calls if isinstance(call, Convert))

    assert max(counted.values()) == 1


def test_every_scenario_is_there_in_about_the_number_asked_for(careless):
    for sealed in careless:
        counted = sealed.truth.counts()
        for module in cohorts.ALL:
            made = counted[module.SCENARIO, ""]
            assert made > module.CONVERSIONS * 0.5 * 0.8, module.SCENARIO
        for module in attacks.ALL:
            if module.SCENARIO not in ("F7", "F8"):
                made = counted[module.SCENARIO, "L0"]
                assert module.CONVERSIONS * 0.5 * 0.8 < made < module.CONVERSIONS * 0.5 * 2 + 120, module.SCENARIO
        assert sum(label.scenario == "F7" for label in sealed.truth.users.values()) >= 8
        assert sealed.truth.hands


SERIALIZERS = {
    Refer: ReferralInput,
    Click: ClickInput,
    Convert: ConversionInput,
    Reverse: ReverseInput,
    Happen: EventInput,
}


@pytest.mark.parametrize("coverage", COVERAGES)
def test_what_is_sent_is_what_the_api_takes(world, coverage):
    for call in world.calls[::5]:
        if serializer := SERIALIZERS.get(type(call)):
            body = body_of(call, coverage, campaign_id="camp_1", code="ASHA-7K3Q")
            assert serializer.parse(body), body
        elif isinstance(call, Redeem):
            assert body_of(call, coverage, item_id="item_1") == {"userId": call.user_id, "itemId": "item_1"}


def test_each_coverage_passes_more_of_the_end_user():
    everything = Context("203.0.113.9", "Firefox", "ne", "NP", "https://x.example", "d1", "b@x.example", "+977", "card")

    sent = [set(everything.sent(coverage)) for coverage in COVERAGES]

    assert sent[0] == set()
    assert sent[1] == {"ip", "userAgent", "acceptLanguage", "country", "landingUrl"}
    assert sent[2] - sent[1] == {"deviceId"}
    assert sent[3] - sent[2] == {"email", "phone", "paymentFingerprint"}


# --- what they are said to be -----------------------------------------------------------------------------------------
def test_a_farm_is_many_accounts_on_one_machine(careless):
    for sealed in careless:
        rings = defaultdict(list)
        for call, label in conversions(sealed, "F2", "L0"):
            rings[label.ring].append(call.context.device_id)
        for devices in rings.values():
            assert len(devices) >= 4  # the last day may cut one short
            assert len(set(devices)) == 1


def test_a_family_is_small(careless):
    for sealed in careless:
        families = Counter(label.ring for _, label in conversions(sealed, "L3"))
        assert max(families.values()) <= 4  # and the one who brings them
        shared = Counter(call.context.device_id for call, _ in conversions(sealed, "L3"))
        assert max(shared.values()) <= 4


def test_a_careless_bot_is_fast_and_people_are_not(careless):
    def seconds(sealed, scenario, level=""):
        clicked = {(call.refer, call.referee_id): call.at for call in sealed.calls if isinstance(call, Click)}
        pairs = [
            (call.at - clicked[key]).total_seconds()
            for call, _ in conversions(sealed, scenario, level)
            if (key := (call.refer, call.referee_id)) in clicked
        ]
        return statistics.median(pairs)

    for sealed in careless:
        assert seconds(sealed, "F4", "L0") < 30
        assert 300 < seconds(sealed, "L0") < 4_000
        assert seconds(sealed, "L4") > 120


def test_an_office_shares_its_address_and_not_its_machines(careless):
    for sealed in careless:
        people = conversions(sealed, "L1")
        assert len({call.context.device_id for call, _ in people}) == len(people)
        ips = Counter(call.context.ip for call, _ in people)
        assert ips.most_common(1)[0][1] > 25


def test_a_silent_partner_says_nothing_and_numbers_his_users(careless):
    for sealed in careless:
        silent = [call for call, label in conversions(sealed, "L6") if label.cohort == "server-only partners"]
        assert all(call.context is None for call in silent)
        numbers = [int(call.referee_id) for call in silent]
        assert statistics.median(abs(b - a) for a, b in itertools.pairwise(numbers)) <= 3


def test_farmers_of_points_are_on_time_and_people_are_late():
    sealed = generate(Config(seed=8, scale=0.6, only=frozenset({"L0", "F7"}), levels=("L0",)))
    rules = {(merchant.index, action.key): action for merchant in sealed.merchants for action in merchant.actions}
    last, late = {}, {True: [], False: []}
    for call in sealed.calls:
        if isinstance(call, Happen) and rules[call.app, call.action_key].cooldown:
            key = call.app, call.user_id, call.action_key
            if key in last:
                pause = (call.at - last[key]).total_seconds() - rules[call.app, call.action_key].cooldown
                late[sealed.truth.users[call.app, call.user_id].is_fraud].append(pause)
            last[key] = call.at

    assert all(-0.01 <= pause <= 5.01 for pause in late[True])
    assert sum(pause <= 5 for pause in late[False]) < 0.05 * len(late[False])


def test_slow_drips_take_weeks_and_rings_do_not(careless):
    for sealed in careless:
        spans = defaultdict(list)
        for scenario in ("F5", "F3"):
            for call, label in conversions(sealed, scenario, "L0"):
                spans[scenario, label.ring].append(call.at)
        weeks = [
            max(times) - min(times) for (scenario, _), times in spans.items() if scenario == "F5" and len(times) > 20
        ]
        assert weeks
        assert min(weeks) > timedelta(days=20)
        assert all(max(times) - min(times) < timedelta(days=27) for (name, _), times in spans.items() if name == "F3")


def test_the_trusted_have_a_history(careless):
    for sealed in careless:
        before = [call for call in sealed.calls if isinstance(call, Convert) and call.at < START]
        assert before
        assert not any(sealed.truth.conversions[call.number].is_fraud for call in before)


def test_the_held_out_family_is_wider():
    dev, held_out = RANGES["dev"], RANGES["held-out"]
    assert not dev.variants
    assert len(held_out.variants) == 2
    wider = [
        name
        for name in dev.__dataclass_fields__
        if name != "variants"
        and getattr(held_out, name)[0] <= getattr(dev, name)[0]
        and getattr(held_out, name)[1] > getattr(dev, name)[1]
    ]
    assert len(wider) >= 12


# --- leaks ------------------------------------------------------------------------------------------------------------
def raw(call, place, of):
    """What no detector should learn from: ids, places in the stream and roundings, as numbers."""
    digits = "".join(each for each in call.referee_id if each.isdigit())
    cents = round(call.amount * 100)
    return {
        "place": place / of,
        "parity": place % 2,
        "id length": len(call.referee_id),
        "id digits": len(digits),
        "id number": int(digits[:12] or 0),
        "id last": ord(call.referee_id[-1]),
        "id first": ord(call.referee_id[0]),
        "order number": int(call.external_id, 16),
        "millisecond": call.at.microsecond,
        "second": call.at.second,
        "cents": cents % 100,
        "last cent": cents % 10,
        "whole": float(cents % 100 == 0),
        "device length": len(call.context.device_id or "") if call.context else 0,
        # that somebody has no card is evidence; how his card is written is not
        "card first": ord(((call.context and call.context.payment_fingerprint) or "7")[0]),
    }


def area(values, truths):
    """Under the ROC curve, ties counted half."""
    ranked = sorted(zip(values, truths, strict=True))
    below = area = positives = negatives = 0
    at = 0
    while at < len(ranked):
        same = []
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            same.append(ranked[end][1])
            end += 1
        good, bad = same.count(True), same.count(False)
        area += good * (below + bad / 2)
        below += bad
        positives, negatives = positives + good, negatives + bad
        at = end
    return area / (positives * negatives)


def test_nothing_raw_gives_a_cheat_away():
    """A stump on any of them, its direction learned on some seeds, tells nothing on others: each merchant by itself.

    It takes seconds: half a dozen worlds must be made before chance alone stays under the bound.
    """
    learned, judged = defaultdict(list), defaultdict(list)
    for seed in range(20, 26):
        sealed = generate(Config(family="dev", seed=seed, scale=0.35))
        by_app = defaultdict(list)
        for call in sealed.calls:
            if isinstance(call, Convert) and call.at >= START:
                by_app[call.app].append(
                    (raw(call, call.number, len(sealed.calls)), sealed.truth.conversions[call.number].is_fraud)
                )
        for rows in by_app.values():
            truths = [truth for _, truth in rows]
            if sum(truths) >= 40:
                for name in rows[0][0]:
                    found = area([values[name] for values, _ in rows], truths)
                    (learned if seed < 23 else judged)[name].append((found, len(rows)))

    def mean(areas):
        return sum(each * weight for each, weight in areas) / sum(weight for _, weight in areas)

    told = {}
    for name, areas in judged.items():
        direction = 1 if mean(learned[name]) >= 0.5 else -1
        told[name] = 0.5 + direction * (mean(areas) - 0.5)
    assert max(told.values()) < 0.55, told
