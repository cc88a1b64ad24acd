"""Thirty at once through the look: nobody waits for a shared row, and no link is lost."""

import pytest

from fraud.models import Flag, KeyKind, Link, Score, Sighting
from tests.cast import at_once
from tests.fraud.people import friend_of, person

pytestmark = pytest.mark.django_db(transaction=True)


def test_thirty_friends_of_thirty_referrers_on_one_device(himal, no_deadlocks):
    campaign = himal.campaign()
    codes = [himal.code(campaign, f"referrer {place}") for place in range(30)]
    shared = {"deviceId": "tablet", "ip": "81.2.3.4", "paymentFingerprint": "card"}
    made = at_once(30, lambda place: friend_of(himal, codes[place], f"{place} friend", **shared))
    assert [answer.status for answer in made] == [201] * 30, made
    for kind in (KeyKind.DEVICE, KeyKind.IP, KeyKind.PAYMENT):
        assert Link.objects.filter(kind=kind, user_id__endswith=" friend").count() == 30
        assert Link.objects.filter(kind=kind).values("key").distinct().count() == 1
    assert Score.objects.filter(subject_type="CONVERSION").count() == Sighting.objects.count() == 30
    held = [answer["conversionId"] for answer in made if answer["status"] == "FLAGGED"]
    assert set(Flag.objects.values_list("subject_id", flat=True)) == set(held)


def test_one_friend_who_is_seen_thirty_times_at_once(himal, no_deadlocks):
    campaign = himal.campaign(firstTimeUserOnly=False)
    codes = [himal.code(campaign, f"referrer {place}") for place in range(15)]
    seen = person("bikram")

    def act(place: int):
        if place % 2:
            return himal.post("/clicks", {"referralCode": codes[place // 2], "refereeId": "bikram", "context": seen})
        return himal.convert(codes[place // 2], "bikram", 50, context=seen)

    made = at_once(30, act)
    assert {answer.status for answer in made} == {200, 201}, made
    assert Link.objects.filter(user_id="bikram").count() == 3
    assert Sighting.objects.filter(user_id="bikram").count() == 30
