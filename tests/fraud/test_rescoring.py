"""The second pass: looked at again when it is due, held where it was not, never released by itself, never half decided."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fraud import deciding, rescoring
from fraud.models import Case, Flag, KeyKind, KeyMark, Rescore, Score, Stage
from fraud.settings import revise
from incenta import clock
from tests.cast import at_once
from tests.incentives.game import sound
from tests.referrals.moments import START, at, moment

pytestmark = pytest.mark.django_db
RING = ["ramesh", "sitara", "hari", "gita", "mayadevi", "binod"]
FAMILY = ["anil", "sunita", "prakash", "laxmi"]


@pytest.fixture
def shop(sandbox):
    sandbox.friends = sandbox.campaign(firstTimeUserOnly=False)
    return sandbox


def later(shop, **more) -> None:
    at(shop, (clock.now(shop.app) + timedelta(**more)).isoformat())


def context(user: str, device: str | None = None, ip: str | None = None) -> dict:
    """Each lives by himself, unless it is said where."""
    place = sum(map(ord, user))
    told = {"email": f"{user}@example.com", "ip": ip or f"8.{place % 200}.{len(user)}.9"}
    return {"context": told | ({"deviceId": device} if device else {})}


def converted(
    shop,
    referee: str,
    referrer: str = "mallory",
    amount: float = 50,
    device: str | None = None,
    ip: str | None = None,
    **more,
) -> str:
    made = shop.convert(shop.code(shop.friends, referrer), referee, amount, **context(referee, device, ip), **more)
    assert made.status == 201, made
    later(shop, minutes=7)
    return made["conversionId"]


def chained(shop, people=RING) -> list[str]:
    """Conversions of people each of whom shares a device with the next one: no two of them stand out."""
    found = []
    for place, person in enumerate(people):
        found.append(converted(shop, person, device=f"device-{place}"))
        # seen before on the device of the one before: at a click
        if place:
            code = shop.code(shop.friends, "mallory")
            shop.post("/clicks", {"referralCode": code, "refereeId": person, **context(person, f"device-{place - 1}")})
    return found


def statuses(shop) -> dict[str, str]:
    return {each["id"]: each["status"] for each in shop.get("/conversions?limit=100")["conversions"]}


def look(shop) -> int:
    return rescoring.run(shop.app)


def test_what_is_due_is_looked_at_once_by_the_apps_own_clock(shop):
    conversion = converted(shop, "bikram", "asha", device="bikrams-phone")
    assert look(shop) == 0
    later(shop, hours=1)
    assert look(shop) == 1 and look(shop) == 0
    later(shop, hours=24)
    assert look(shop) == 1
    stages = Score.objects.filter(app=shop.app, subject_id=conversion).order_by("id").values_list("stage", "action")
    assert list(stages) == [("REQUEST", "NONE"), ("HOUR", "NONE"), ("DAY", "NONE")]
    assert statuses(shop) == {conversion: "CONVERTED"} and not Flag.objects.filter(app=shop.app).exists()
    assert not Rescore.objects.filter(app=shop.app).exists()


def test_a_ring_that_comes_together_later_is_held_whole_and_is_one_case(shop):
    conversions = chained(shop)
    later(shop, hours=1)
    while look(shop):
        pass
    held = {id for id, status in statuses(shop).items() if status == "FLAGGED"}
    assert held == set(conversions)
    cases = Case.objects.filter(app=shop.app)
    ring = [case for case in cases if case.key.startswith("ring:")]
    assert len(ring) == 1 and ring[0].members == 6
    assert Flag.objects.filter(app=shop.app, signal="RING_SIZE").exclude(case=ring[0]).count() == 0
    shown = shop.get(f"/conversions/{conversions[0]}")
    assert shown["riskScore"] >= 50 and shown["warning"]
    assert all("FRAUD_REVIEW" in reward["holdReasons"] for reward in shop.get("/rewards?limit=100")["rewards"])
    told = shop.app.events.filter(type="FRAUD_FLAG_CREATED")
    assert told.count() == Flag.objects.filter(app=shop.app).count()
    # it grows by one: the same case
    converted(shop, "kabita", device="device-3")
    later(shop, hours=1)
    while look(shop):
        pass
    assert set(statuses(shop).values()) == {"FLAGGED"}
    again = [case for case in Case.objects.filter(app=shop.app) if case.key.startswith("ring:")]
    assert [case.pk for case in again] == [ring[0].pk] and again[0].members >= 6
    sound(shop)


def test_a_family_is_no_ring(shop):
    conversions = [
        converted(shop, person, device="tablet" if person != "anil" else "phone", ip="8.8.4.4") for person in FAMILY
    ]
    later(shop, days=2)
    while look(shop):
        pass
    assert statuses(shop) == dict.fromkeys(conversions, "CONVERTED")


def test_four_on_one_tablet_who_are_never_at_one_address_are_all_held(shop):
    shop.code(shop.friends, "asha", **context("asha"))  # it is known that none of them lives with her
    for person in FAMILY[:2]:
        converted(shop, person, "asha", device="tablet")
    later(shop, hours=2)
    look(shop)
    assert set(statuses(shop).values()) == {"CONVERTED"}  # two may be a couple
    for person in FAMILY[2:]:
        converted(shop, person, "asha", device="tablet")
    later(shop, hours=1)
    while look(shop):
        pass
    assert set(statuses(shop).values()) == {"FLAGGED"}  # the first two as well
    assert Flag.objects.filter(app=shop.app, signal="RING_APART").count() == 4
    assert Case.objects.filter(app=shop.app, key__startswith="ring:").count() == 1
    sound(shop)


def test_a_score_that_falls_releases_nothing(shop):
    conversions = chained(shop)
    later(shop, hours=1)
    while look(shop):
        pass
    for place in range(6):
        key = shop.app.fraud_links.filter(kind=KeyKind.DEVICE, user_id=RING[place]).first().key
        KeyMark.objects.update_or_create(
            app=shop.app, kind=KeyKind.DEVICE, key=key, defaults={"is_hub": True, "marked_at": clock.now(shop.app)}
        )
    later(shop, days=1)
    while look(shop):
        pass
    newest = Score.objects.filter(app=shop.app, subject_id=conversions[0]).order_by("-id").first()
    assert newest.stage == "DAY" and newest.action != "HOLD"
    assert set(statuses(shop).values()) == {"FLAGGED"}


def test_what_an_analyst_cleared_does_not_speak_again(shop):
    conversions = chained(shop)
    later(shop, hours=1)
    while look(shop):
        pass
    for case in Case.objects.filter(app=shop.app).exclude(status="CLOSED"):
        deciding.decide(shop.app, case.pk, "APPROVE", actor="asha")
    assert set(statuses(shop).values()) == {"CONVERTED"}
    later(shop, days=1)
    while look(shop):
        pass
    assert set(statuses(shop).values()) == {"CONVERTED"}
    reasons = Score.objects.filter(app=shop.app, subject_id=conversions[0]).order_by("-id").first().reasons
    assert "approved" in {reason["silenced"] for reason in reasons}


def test_what_is_paid_is_only_told(shop):
    conversions = chained(shop)
    reward = shop.get("/rewards?limit=100")["rewards"][-1]
    for verb, body in (("approve", {}), ("pay", {"payoutReference": "bank-1"})):
        assert shop.post(f"/rewards/{reward['id']}/{verb}", body).status == 200
    later(shop, hours=1)
    while look(shop):
        pass
    assert shop.get(f"/rewards/{reward['id']}")["status"] == "PAID"
    paid = shop.get(f"/rewards/{reward['id']}")["Conversion"]["id"]
    assert paid in conversions and statuses(shop)[paid] == "FLAGGED"
    flag = Flag.objects.filter(app=shop.app, subject_id=paid).first()
    history = flag.case.history.filter(kind="payout_proposal")
    assert [effect["subjectId"] for each in history for effect in [each.data["effect"]]] == [reward["id"]]


def test_what_is_reversed_or_gone_is_left_alone(shop):
    conversion = converted(shop, "bikram", "asha", device="bikrams-phone")
    shop.post(f"/conversions/{conversion}/reverse", {"reason": "Returned"})
    Rescore.objects.create(
        app=shop.app, subject_type="CONVERSION", subject_id="conv_gone", stage="HAND", due_at=moment(START)
    )
    Rescore.objects.create(app=shop.app, subject_type="API_KEY", subject_id="key_1", stage="HAND", due_at=moment(START))
    later(shop, days=2)
    look(shop)
    assert not Rescore.objects.filter(app=shop.app).exists()
    assert Score.objects.filter(app=shop.app).exclude(stage="REQUEST").count() == 0


def test_a_subject_that_breaks_the_look_does_not_stop_the_others(shop, monkeypatch):
    bad, good = (converted(shop, user, "asha", device=f"{user}s-phone") for user in ("bikram", "chandra"))
    later(shop, hours=2)
    read = rescoring._facts

    def broken(app, story, now):
        if story.subject_id == bad:
            raise ValueError("a bug")
        return read(app, story, now)

    monkeypatch.setattr(rescoring, "_facts", broken)
    assert look(shop) == 1
    assert Score.objects.filter(app=shop.app, subject_id=good, stage="HOUR").exists()
    monkeypatch.undo()
    assert look(shop) == 1


def test_a_rule_that_breaks_is_looked_at_by_a_person(shop, monkeypatch):
    from fraud.rules import star

    conversion = converted(shop, "bikram", "asha", device="bikrams-phone")

    def judge(facts, points):
        raise ZeroDivisionError

    others = [each for each in rescoring.rules.SIGNALS if each is not star.STAR]
    monkeypatch.setattr(rescoring.rules, "SIGNALS", [*others, replace(star.STAR, judge=judge)])
    later(shop, hours=1)
    look(shop)
    assert statuses(shop) == {conversion: "FLAGGED"}
    assert Flag.objects.get(app=shop.app).signal == "SIGNAL_BROKEN"


def test_the_cost_of_a_look_is_bounded(shop):
    def cost(referee: str, referrer: str) -> int:
        conversion = converted(shop, referee, referrer, device=f"{referee}s-phone")
        later(shop, hours=1)
        with CaptureQueriesContext(connection) as sent:
            assert look(shop) >= 1
        assert Score.objects.filter(app=shop.app, subject_id=conversion, stage="HOUR").exists()
        return len(sent)

    first = cost("bikram", "asha")
    for place in range(30):
        converted(shop, f"friend{place}", "chandra", device=f"phone{place}")
    later(shop, hours=1)
    while look(shop):
        pass
    assert cost("dipa", "chandra") <= first + 2 <= 34


def test_a_code_that_was_published_is_told_of_and_its_buyers_are_not(shop):
    from referrals.models import Click

    code = shop.code(shop.friends, "asha")
    other = shop.code(shop.friends, "bikram")
    campaign = shop.app.campaigns.get(pk=shop.friends)
    for number, text in ((300, code), (2, other)):
        referral = shop.app.referrals.get(code=text)
        Click.objects.bulk_create(
            [
                Click(
                    app=shop.app,
                    campaign=campaign,
                    referral=referral,
                    referee_id=f"{text}{n}",
                    clicked_at=moment(START),
                )
                for n in range(number)
            ]
        )
    conversion = converted(shop, "chandra", "asha", device="chandras-phone")
    later(shop, hours=1)
    look(shop)
    assert statuses(shop) == {conversion: "CONVERTED"}
    flag = Flag.objects.get(app=shop.app)
    assert (flag.subject_type, flag.signal) == ("REFERRAL", "CODE_LEAK")
    assert not shop.app.referrals.get(pk=flag.subject_id).is_flagged
    converted(shop, "dipa", "asha", device="dipas-phone")
    later(shop, days=1)
    while look(shop):
        pass
    assert Flag.objects.get(app=shop.app).hits == 1
    # what is held for another reason is released although the code is told of
    held = converted(shop, "asha", "asha")
    assert statuses(shop)[held] == "FLAGGED"
    deciding.decide(shop.app, Flag.objects.get(app=shop.app, subject_id=held).case_id, "APPROVE", actor="asha")
    assert statuses(shop)[held] == "CONVERTED"


def test_a_sample_is_drawn_where_it_is_wanted_and_holds_nothing(shop):
    conversion = converted(shop, "bikram", "asha", device="bikrams-phone")
    revise(shop.app, {"sample_per_thousand": 1000}, actor="asha")
    later(shop, days=2)
    while look(shop):
        pass
    case = Case.objects.get(app=shop.app)
    assert case.is_sample and case.flags.get().subject_id == conversion
    assert statuses(shop) == {conversion: "CONVERTED"}
    assert not shop.app.events.filter(type="FRAUD_FLAG_CREATED").exists()
    deciding.decide(shop.app, case.pk, "REJECT", actor="asha", note="It was one after all")
    assert statuses(shop) == {conversion: "REVERSED"}


@pytest.mark.django_db(transaction=True)
def test_looks_decisions_and_claims_at_once_agree(shop):
    conversions = chained(shop)
    rewards = [reward["id"] for reward in shop.get("/rewards?limit=100")["rewards"]]
    later(shop, hours=1)
    for reward in rewards[:2]:
        shop.post(f"/rewards/{reward}/approve", {})

    def act(place: int):
        if place < 4:
            return look(shop)
        if place < 6:
            return shop.post(f"/rewards/{rewards[place - 4]}/pay", {"payoutReference": "bank"}).status
        if place < 8:
            for case in Case.objects.filter(app=shop.app).exclude(status="CLOSED"):
                deciding.decide(shop.app, case.pk, "REJECT", actor="asha", note="Socks")
            return None
        return shop.post(f"/conversions/{conversions[place - 8]}/reverse", {"reason": "Returned"}).status

    results = at_once(10, act)
    strange = [each for each in results if isinstance(each, BaseException) and "case" not in getattr(each, "code", "")]
    assert not strange, strange
    while look(shop):
        pass
    for conversion in shop.app.conversions.all():
        rewards_of = list(conversion.rewards.all())
        if conversion.status == "FLAGGED":
            assert all("FRAUD_REVIEW" in each.holds for each in rewards_of if each.status in ("PENDING", "APPROVED"))
            assert Flag.objects.filter(app=shop.app, subject_id=conversion.pk, status="OPEN").exists()
        elif conversion.status == "CONVERTED":
            assert all("FRAUD_REVIEW" not in each.holds for each in rewards_of)
    # each look is kept once for each time that it was due
    assert Score.objects.filter(app=shop.app, stage=Stage.HOUR).count() <= len(conversions)
    sound(shop)


WORKER = """
import os, sys, time, django
django.setup()
from django.db import connection
from incenta.accounts.models import App
from fraud import rescoring
raised = rescoring.raise_flags
def slowly(*args, **more):
    found = raised(*args, **more)
    print("in the middle", flush=True)
    time.sleep(60)
    return found
rescoring.raise_flags = slowly
rescoring.run(App.objects.get(pk=sys.argv[1]))
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_leaves_no_half_decision(shop):
    conversions = chained(shop)
    later(shop, hours=1)
    database = connection.settings_dict
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
        "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}",
    }
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, shop.app.pk],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        cwd=settings.BASE_DIR,
    )
    try:
        assert worker.stdout.readline() == "in the middle\n"
        # what it has in hand the others leave, and work off the rest
        assert statuses(shop)[conversions[-1]] in ("CONVERTED", "FLAGGED")
        worker.send_signal(signal.SIGKILL)
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()
    deadline = time.monotonic() + 90
    while sum(status == "FLAGGED" for status in statuses(shop).values()) < 6 and time.monotonic() < deadline:
        look(shop)
    assert set(statuses(shop).values()) == {"FLAGGED"}
    for conversion in conversions:
        assert Flag.objects.filter(app=shop.app, subject_id=conversion, status="OPEN").exists()
    kept = Score.objects.filter(app=shop.app).exclude(stage="REQUEST").values_list("subject_id", flat=True)
    assert set(kept) == set(conversions)
    sound(shop)


def test_a_code_is_looked_at_again_and_held_only_for_what_is_certain(shop):
    body = {"campaignId": shop.friends, "referrerId": "mallory", **context("mallory", "one-phone")}
    code = shop.post("/referrals", body)
    assert code.status == 201
    for place in range(8):
        shop.app.fraud_links.create(
            kind=KeyKind.DEVICE, key=shop.app.fraud_links.get(kind=KeyKind.DEVICE, user_id="mallory").key,
            user_id=f"other{'abcdefgh'[place]}", first_seen=clock.now(shop.app), last_seen=clock.now(shop.app),
        )  # fmt: skip
    later(shop, hours=25)
    look(shop)
    newest = Score.objects.filter(app=shop.app, subject_id=code["referralId"]).order_by("-id").first()
    assert newest.stage == "DAY" and newest.score >= 50 and newest.action == "WATCH"
    assert not shop.app.referrals.get(pk=code["referralId"]).is_flagged
