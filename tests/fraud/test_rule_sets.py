"""Rule sets: what a draft may say, shadow, activation by a second person, rollback, and two at once."""

import pytest
from django.db import transaction

from fraud import rule_sets
from fraud.models import FraudChange, RuleSet
from incenta.accounts.models import Membership, Role, User
from incenta.errors import Conflict
from tests.cast import at_once

pytestmark = pytest.mark.django_db
SOFTER = {"signals": {"DEVICE_SHARED": {"points": 20}}}


def draft(himal, rules=SOFTER, **more):
    made = himal.post("/fraud/rule-sets", {"rules": rules} | more)
    assert made.status == 201, made
    return made


def person(himal, name: str, role: str = Role.ADMIN) -> User:
    user = User.objects.create_user(f"{name}@himal.example", "correct horse battery")
    Membership.objects.create(merchant=himal.app.merchant, user=user, role=role)
    return user


def states(himal) -> dict[int, str]:
    return dict(himal.app.fraud_rule_sets.order_by("version").values_list("version", "state"))


def test_a_draft_goes_through_shadow_into_force_and_back(himal):
    first = draft(himal, name="Softer on devices", note="Families complain")
    assert first.json == {
        "id": first["id"],
        "version": 1,
        "name": "Softer on devices",
        "campaignId": None,
        "state": "DRAFT",
        "rules": {"signals": {"DEVICE_SHARED": {"on": True, "points": 20}}, "caps": {}},
        "note": "Families complain",
        "createdBy": himal.app.api_keys.get().pk,
        "createdAt": first["createdAt"],
        "activatedBy": None,
        "activatedAt": None,
    }
    assert himal.post(f"/fraud/rule-sets/{first['id']}/shadow")["state"] == "SHADOW"
    assert himal.get(f"/fraud/rule-sets/{first['id']}")["shadow"]["scores"] == 0
    active = himal.post(f"/fraud/rule-sets/{first['id']}/activate", {"replaces": 0})
    assert active["state"] == "ACTIVE" and active["activatedBy"] and active["activatedAt"]
    second = draft(himal, {"signals": {"DEVICE_SHARED": {"on": False}}})
    himal.post(f"/fraud/rule-sets/{second['id']}/activate", {"replaces": 1})
    assert states(himal) == {1: "RETIRED", 2: "ACTIVE"}
    back = himal.post("/fraud/rule-sets/rollback", {"version": 1, "replaces": 2})
    assert back["active"]["id"] == first["id"] and back["active"]["rules"] == first["rules"]
    assert states(himal) == {1: "ACTIVE", 2: "RETIRED"}
    assert himal.post("/fraud/rule-sets/rollback", {"version": 0}).json == {"active": None}
    assert states(himal) == {1: "RETIRED", 2: "RETIRED"}
    history = FraudChange.objects.filter(noun="RULES").order_by("version").values_list("kind", "data__version")
    assert list(history) == [
        ("created", 1), ("shadowed", 1), ("activated", 1), ("created", 2), ("activated", 2), ("rolled_back", 1), ("retired", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ("all of it", "rules"),
        ({"signal": {}}, "rules.signal"),
        ({"signals": []}, "rules.signals"),
        ({"signals": {"NO_SUCH": {}}}, "rules.signals.NO_SUCH"),
        ({"signals": {"DEVICE_SHARED": 5}}, "rules.signals.DEVICE_SHARED"),
        ({"signals": {"DEVICE_SHARED": {"weight": 5}}}, "rules.signals.DEVICE_SHARED"),
        ({"signals": {"DEVICE_SHARED": {"points": 101}}}, "rules.signals.DEVICE_SHARED.points"),
        ({"signals": {"DEVICE_SHARED": {"points": -1}}}, "rules.signals.DEVICE_SHARED.points"),
        ({"signals": {"DEVICE_SHARED": {"points": 1.5}}}, "rules.signals.DEVICE_SHARED.points"),
        ({"signals": {"DEVICE_SHARED": {"points": True}}}, "rules.signals.DEVICE_SHARED.points"),
        ({"signals": {"DEVICE_SHARED": {"on": "no"}}}, "rules.signals.DEVICE_SHARED.on"),
        ({"signals": {"SELF_REFERRAL_ID": {"on": False}}}, "rules.signals.SELF_REFERRAL_ID"),
        ({"signals": {"SELF_REFERRAL_ID": {"points": 10}}}, "rules.signals.SELF_REFERRAL_ID"),
        ({"caps": {"IDENTITY": 101}}, "rules.caps.IDENTITY"),
        ({"caps": {"CERTAIN": 10}}, "rules.caps.CERTAIN"),
        ({"caps": {"WEATHER": 10}}, "rules.caps.WEATHER"),
    ],
)
def test_what_a_draft_may_not_say(himal, rules, field):
    refused = himal.post("/fraud/rule-sets", {"rules": rules})
    assert refused.status == 400 and field in refused["details"], refused.json
    assert not RuleSet.objects.exists()


def test_only_what_differs_is_kept(himal):
    from fraud.weights import signals

    as_built = {
        "signals": {"DEVICE_SHARED": {"on": True, "points": signals()["DEVICE_SHARED"].points}},
        "caps": {"NETWORK": 30},
    }
    assert draft(himal, as_built)["rules"] == {"signals": {}, "caps": {}}


def test_a_campaign_of_anothers_is_none(himal, rival):
    campaign = rival.campaign()
    assert himal.post("/fraud/rule-sets", {"rules": {}, "campaignId": campaign})["code"] == "campaign_not_found"
    assert draft(himal, campaignId=himal.campaign())["campaignId"]


def test_what_cannot_be_done_says_why(himal, rival):
    one = draft(himal)["id"]
    assert rival.post(f"/fraud/rule-sets/{one}/activate").status == 404
    assert himal.post("/fraud/rule-sets/rollback", {"version": 1})["code"] == "never_active"
    assert himal.post("/fraud/rule-sets/rollback", {"version": 9})["code"] == "rule_set_not_found"
    assert himal.post("/fraud/rule-sets/rollback", {"version": 0})["code"] == "rule_set_active"
    himal.post(f"/fraud/rule-sets/{one}/shadow")
    assert himal.post(f"/fraud/rule-sets/{one}/shadow")["code"] == "rule_set_in_shadow"
    himal.post(f"/fraud/rule-sets/{one}/activate")
    assert himal.post(f"/fraud/rule-sets/{one}/activate")["code"] == "rule_set_active"
    assert himal.post(f"/fraud/rule-sets/{one}/shadow")["code"] == "rule_set_active"
    himal.post(f"/fraud/rule-sets/{one}/retire")
    assert himal.post(f"/fraud/rule-sets/{one}/retire")["code"] == "rule_set_retired"


def test_one_in_shadow_makes_way_for_the_next(himal):
    one, two = draft(himal)["id"], draft(himal)["id"]
    himal.post(f"/fraud/rule-sets/{one}/shadow")
    himal.post(f"/fraud/rule-sets/{two}/shadow")
    assert states(himal) == {1: "RETIRED", 2: "SHADOW"}


def test_of_ten_who_activate_at_once_one_does(himal, transactional_db):
    drafts = [draft(himal)["id"] for _ in range(10)]
    answers = at_once(10, lambda place: himal.post(f"/fraud/rule-sets/{drafts[place]}/activate", {"replaces": 0}))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 9
    assert {answer["code"] for answer in answers if answer.status == 409} == {"rules_changed"}
    assert all(answer["details"]["activatedBy"] for answer in answers if answer.status == 409)
    assert sorted(states(himal).values()) == ["ACTIVE"] + ["DRAFT"] * 9


def test_versions_count_up_without_gaps_when_ten_draft_at_once(himal, transactional_db):
    answers = at_once(10, lambda _: draft(himal))
    assert sorted(answer["version"] for answer in answers) == list(range(1, 11))


# --- two persons ----------------------------------------------------------------------------------------------------
def test_the_author_does_not_activate_his_own(himal):
    assert himal.patch("/fraud/settings", {"twoPerson": True})["twoPerson"] is True
    asha, bikram = person(himal, "asha"), person(himal, "bikram")
    made = rule_sets.create(himal.app, SOFTER, author=asha, actor="Asha")
    with pytest.raises(Conflict) as refused, transaction.atomic():
        rule_sets.activate(himal.app, made.pk, by=asha, actor="Asha")
    assert refused.value.code == "second_person_needed" and states(himal) == {1: "DRAFT"}
    assert rule_sets.activate(himal.app, made.pk, by=bikram, actor="Bikram").state == "ACTIVE"


def test_an_api_key_is_no_second_person(himal):
    one, two = draft(himal)["id"], draft(himal)["id"]
    himal.post(f"/fraud/rule-sets/{one}/activate")
    himal.post(f"/fraud/rule-sets/{two}/activate")
    himal.patch("/fraud/settings", {"twoPerson": True})
    for path, body in (
        (f"/fraud/rule-sets/{one}/activate", {}),
        ("/fraud/rule-sets/rollback", {"version": 1}),
        (f"/fraud/rule-sets/{two}/retire", {}),
    ):
        refused = himal.post(path, body)
        assert (refused.status, refused["code"]) == (409, "second_person_needed")
    assert states(himal) == {1: "RETIRED", 2: "ACTIVE"}


def test_who_made_the_key_is_the_author_of_what_it_drafts(himal):
    asha = person(himal, "asha")
    himal.app.api_keys.update(created_by=asha)
    himal.patch("/fraud/settings", {"twoPerson": True})
    made = draft(himal)["id"]
    with pytest.raises(Conflict), transaction.atomic():
        rule_sets.activate(himal.app, made, by=asha, actor="Asha")


def test_two_persons_are_not_switched_off_by_one(himal):
    himal.patch("/fraud/settings", {"twoPerson": True, "watchAt": 25})
    refused = himal.patch("/fraud/settings", {"twoPerson": False, "watchAt": 10})
    assert (refused.status, refused["code"]) == (409, "second_person_needed")
    assert himal.get("/fraud/settings").json | {"updatedAt": "", "updatedBy": ""} == {
        "coinHoldAt": 40, "watchAt": 25, "twoPerson": True, "samplePerThousand": 0, "version": 1, "updatedAt": "", "updatedBy": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"watchAt": 101},
        {"watchAt": -1},
        {"coinHoldAt": 0},
        {"samplePerThousand": 1001},
        {"twoPerson": 1},
        {"holdAt": 5},
    ],
)
def test_settings_are_within_bounds(himal, wrong):
    assert himal.patch("/fraud/settings", wrong).status == 400
    assert himal.get("/fraud/settings")["version"] == 0
