"""Weights: built in, of the app, of a campaign, with what watches them; a change is seen by the very next look everywhere."""

import pytest

from fraud import book, rule_sets, weights
from fraud.assessment import CAPS
from incenta.database import sql

pytestmark = pytest.mark.django_db
SIGNAL = "DEVICE_SHARED"


def drafted(himal, points: int, **more):
    return rule_sets.create(himal.app, {"signals": {SIGNAL: {"points": points}}}, actor="tests", **more)


def in_force(himal, campaign: str | None = None):
    return book.current(himal.app).weights(campaign)


def test_without_rules_the_built_in_ones_apply(himal):
    found = in_force(himal)
    assert found.version == 0 and found.caps == CAPS and found.shadow is None
    assert found.of(SIGNAL) == weights.signals()[SIGNAL].points and found.of("NO_SUCH_SIGNAL") is None


def test_what_a_rule_set_names_counts_and_the_rest_stays(himal):
    rules = {"signals": {SIGNAL: {"points": 7}, "DEVICE_SELF": {"on": False}}, "caps": {"NETWORK": 5}}
    draft = rule_sets.create(himal.app, rules, actor="tests")
    assert in_force(himal).version == 0
    rule_sets.activate(himal.app, draft.pk, actor="tests")
    found = in_force(himal)
    assert (found.version, found.of(SIGNAL), found.of("DEVICE_SELF")) == (1, 7, None)
    assert found.caps == CAPS | {"NETWORK": 5} and found.of("SELF_REFERRAL_ID") == 100


def test_a_campaigns_own_rules_stand_before_the_apps(himal):
    own, others = himal.campaign(), himal.campaign()
    for points, campaign in ((5, ""), (9, own)):
        rule_sets.activate(himal.app, drafted(himal, points, campaign_id=campaign).pk, actor="tests")
    assert [in_force(himal, name).of(SIGNAL) for name in (own, others, None)] == [9, 5, 5]


def test_the_shadow_of_the_app_watches_those_who_follow_its_rules(himal):
    own, others = himal.campaign(), himal.campaign()
    rule_sets.activate(himal.app, drafted(himal, 9, campaign_id=own).pk, actor="tests")
    rule_sets.shadow(himal.app, drafted(himal, 3).pk, actor="tests")
    assert in_force(himal).shadow.of(SIGNAL) == in_force(himal, others).shadow.of(SIGNAL) == 3
    assert in_force(himal).of(SIGNAL) == weights.signals()[SIGNAL].points
    assert in_force(himal, own).shadow is None
    rule_sets.shadow(himal.app, drafted(himal, 1, campaign_id=own).pk, actor="tests")
    assert in_force(himal, own).shadow.of(SIGNAL) == 1 and in_force(himal, own).of(SIGNAL) == 9


def test_the_version_that_a_look_reads_shows_every_change(himal, django_assert_num_queries):
    def version() -> int:
        return sql.row(f"SELECT {book.VERSION}", {"app_id": himal.app.pk})[0]

    assert version() == 0
    before = book.at(himal.app, version())
    with django_assert_num_queries(0):
        assert book.at(himal.app, 0) is before
    rule_sets.activate(himal.app, drafted(himal, 4).pk, actor="tests")
    himal.post("/fraud/lists", {"side": "DENY", "kind": "USER", "value": "mallory"})
    assert version() == 3  # drafted, activated, listed
    assert book.at(himal.app, version()).weights().of(SIGNAL) == 4


def test_a_process_that_kept_an_older_version_reads_again(himal):
    stale = book.current(himal.app)
    rule_sets.activate(himal.app, drafted(himal, 4).pk, actor="tests")
    book._kept[himal.app.pk] = stale  # another process: nobody told it
    assert book.kept(himal.app).weights().version == 0
    assert book.current(himal.app).weights().version == 1


def test_tenants_share_no_rules(himal, rival):
    rule_sets.activate(himal.app, drafted(himal, 4).pk, actor="tests")
    assert in_force(rival).version == 0
