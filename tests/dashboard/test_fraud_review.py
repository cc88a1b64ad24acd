"""The fraud review in the dashboard: the queue, the case, the buttons; by role, and another's is absent."""

import csv
import io
import re
from html import unescape
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fraud import subjects
from fraud.dashboard import sums
from fraud.models import Case, Decision
from fraud.raising import Suspicion, raise_flags
from incenta.accounts.models import Role
from incentives import ledger
from referrals import fraud_samples
from tests.cast import Caller, caller
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db

OWNER, ADMIN, ANALYST, DEVELOPER = Role.OWNER, Role.ADMIN, Role.ANALYST, Role.DEVELOPER
LOOKERS = {OWNER, ADMIN, ANALYST}
DECIDE = {"verdict": "APPROVE", "note": "a family"}


@pytest.fixture
def sandbox(himal) -> Caller:
    shop = caller(himal.app.sandbox)
    fraud_samples.make(shop.app, actor="test")
    return shop


def flagged(shop: Caller, name: str = "mallory", campaign: str | None = None) -> Case:
    campaign = campaign or shop.campaign(fraudMode="hold", rewardModel="FIXED", rewardValue=10)
    shop.convert(shop.code(campaign, name), name, 50)
    return shop.app.fraud_cases.get(key=f"user:{name}")


def statuses(shop: Caller) -> list[str]:
    return sorted(shop.app.rewards.values_list("status", "holds"))


@pytest.mark.parametrize("role", sorted({OWNER, ADMIN, ANALYST, DEVELOPER}))
def test_who_may_look_and_who_may_decide(himal, url, role):
    case = flagged(himal)
    browser = sign_in(himal.app.merchant, role)
    pages = ["fraud/", "fraud/?state=closed", f"fraud/cases/{case.pk}/", f"fraud/cases/{case.pk}/effects/"]
    for page in [*pages, "fraud/decide/by-score/?max_score=100"]:
        assert browser.get(url(page)).status_code == (200 if role in LOOKERS else 403), page
    before = statuses(himal)
    answer = browser.post(url(f"fraud/cases/{case.pk}/decide/"), DECIDE)
    assert answer.status_code == (302 if role in LOOKERS else 403)
    assert (statuses(himal) == before) is (role not in LOOKERS)


def test_another_merchant_finds_nothing(himal, rival, url):
    case = flagged(himal)
    theirs = sign_in(rival.app.merchant)
    for page in ("fraud/", f"fraud/cases/{case.pk}/", f"fraud/cases/{case.pk}/effects/"):
        assert theirs.get(url(page)).status_code == 404
        if case.pk in page:
            assert theirs.get(url(page, rival.app)).status_code == 404
    for button in ("decide/", "note/", "snooze/"):
        answer = theirs.post(url(f"fraud/cases/{case.pk}/{button}", rival.app), DECIDE | {"signal": "X", "days": "30"})
        assert answer.status_code == 404
    answer = theirs.post(url("fraud/decide/", rival.app), {"id": case.pk, "verdict": "APPROVE", "sure": "yes"})
    assert case.pk not in body(answer) or "not found" in body(answer).lower()
    assert not Decision.objects.exists()


def test_the_queue_says_what_waits_and_why(himal, owner, url):
    case = flagged(himal)
    text = body(owner.get(url("fraud/")))
    assert "The referrer and the referred friend are the same user." in text
    assert "USD 10.00" in text and case.pk in text
    assert "mallory" in body(owner.get(url("fraud/?q=mallory"))) and case.pk in body(owner.get(url("fraud/?q=mallory")))
    assert case.pk not in body(owner.get(url("fraud/?q=asha")))
    assert case.pk not in body(owner.get(url("fraud/?type=DUPLICATE_IP")))
    assert case.pk not in body(owner.get(url("fraud/?state=closed")))
    assert "not understood" in body(owner.get(url("fraud/?state=lost")))
    [line] = csv.DictReader(io.StringIO(body(owner.get(url("fraud/?export=csv"))).lstrip("\ufeff")))
    assert line["id"] == case.pk and line["userId"] == "mallory" and line["score"] == "100"


def test_a_case_tells_everything_and_changes_nothing(sandbox, url):
    browser = sign_in(sandbox.app.merchant)
    before = list(Case.objects.values())
    for case in sandbox.app.fraud_cases.all():
        text = body(browser.get(url(f"fraud/cases/{case.pk}/", sandbox.app)))
        assert "Why it was stopped" in text and "Side by side" in text and "What happened" in text
        effects = body(browser.get(url(f"fraud/cases/{case.pk}/effects/", sandbox.app)))
        assert "Release" in effects and "Confirm fraud" in effects
    assert list(Case.objects.values()) == before
    farm = sandbox.app.fraud_cases.get(key__contains="farmer")
    text = body(browser.get(url(f"fraud/cases/{farm.pk}/", sandbox.app)))
    assert "i-ring" in text and "accounts share" in text
    alias = sandbox.app.fraud_cases.get(key__endswith="trudy")
    assert "same" in body(browser.get(url(f"fraud/cases/{alias.pk}/", sandbox.app)))


def test_a_case_leads_to_what_it_is_about_and_that_leads_back(himal, url):
    case = flagged(himal)
    browser = sign_in(himal.app.merchant, ANALYST)
    text = body(browser.get(url(f"fraud/cases/{case.pk}/")))
    assert not re.search(r"<dd>\d{4}-\d\d-\d\dT", text)  # moments as people read them
    [link] = {unescape(each) for each in re.findall(r'href="([^"]+/conversions/conv_[^"]+)"', text)}
    order = body(browser.get(link))
    [back] = {unescape(each) for each in re.findall(r'href="([^"]+/fraud/\?q=[^"]+)"', order)}
    assert case.pk in body(browser.get(back))
    assert "/fraud/?q=" not in body(sign_in(himal.app.merchant, DEVELOPER).get(link))


def test_a_user_on_hold_says_so_and_leads_to_the_review(himal, url):
    himal.post("/incentives/adjustments", {"userId": "mallory & co", "coins": 5, "reason": "Start"})
    page = url("incentives/users/one/?id=mallory%20%26%20co")
    browser = sign_in(himal.app.merchant, ANALYST)
    assert "On hold" not in body(browser.get(page))
    subjects.handler_of("USER").hold(himal.app, ["mallory & co"], actor="system")
    held = Suspicion(
        "USER", "mallory & co", "COIN_JUST_UNDER", "VELOCITY_CHECK", 40, "Even gaps.", 60, user_id="mallory & co"
    )
    raise_flags(himal.app, [held])
    [back] = {unescape(each) for each in re.findall(r'href="([^"]+/fraud/\?q=[^"]+)"', body(browser.get(page)))}
    case = himal.app.fraud_cases.get()
    assert case.pk in body(browser.get(back))
    text = body(browser.get(url(f"fraud/cases/{case.pk}/")))
    assert page in {unescape(each) for each in re.findall(r'href="([^"]+)"', text)}


def test_one_key_decides_leads_on_and_is_undone(himal, owner, url):
    campaign = himal.campaign(fraudMode="hold", rewardModel="FIXED", rewardValue=10)
    first, second = flagged(himal, "mallory", campaign), flagged(himal, "trudy", campaign)
    answer = owner.post(
        url(f"fraud/cases/{first.pk}/decide/"), {"verdict": "APPROVE", "version": first.version, "next": second.pk}
    )
    assert answer.url == url(f"fraud/cases/{second.pk}/")
    assert himal.app.rewards.get(user_id="mallory").holds == []
    page = body(owner.get(answer.url))
    assert "Released: " in page and "Undo" in page
    undo = re.search(r'action="([^"]*/undo/[^"]*)"', page)[1]
    assert owner.post(undo).status_code == 302
    assert himal.app.rewards.get(user_id="mallory").holds == ["FRAUD_REVIEW"]
    first.refresh_from_db()
    assert first.status == "OPEN"
    assert ledger.verify(himal.app)["ok"]


def test_a_rejection_without_a_note_takes_the_loudest_reason(himal, owner, url):
    case = flagged(himal)
    owner.post(url(f"fraud/cases/{case.pk}/decide/"), {"verdict": "REJECT"})
    decision = Decision.objects.get()
    assert (decision.verdict, decision.note) == ("REJECT", "The referrer and the referred friend are the same user.")
    assert himal.app.rewards.get().status == "CANCELLED"
    assert himal.app.conversions.get().status == "REVERSED"
    # what became of it stands in words, in the queue and on its page
    told = "</i>Confirmed as fraud</span>"
    page = body(owner.get(url(f"fraud/cases/{case.pk}/")))
    assert told in page and "<h2>Confirmed as fraud</h2>" in page and "Confirmed as fraud by " in page
    assert told in body(owner.get(url("fraud/?state=closed")))


def test_effects_are_told_of_one_and_of_several():
    kinds = list(sums.WORDS)
    assert [sums.in_words("reward_released", count) for count in (1, 1200)] == [
        "1 reward is released",
        "1,200 rewards are released",
    ]
    assert not [kind for kind in kinds if sums.in_words(kind, 1)[2:] == sums.in_words(kind, 2)[2:]]
    assert sums.in_words("keys_confirmed", 1).startswith("their devices")
    assert sums.in_words("of_another_room", 2) == "2 of another room"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"verdict": "MAYBE"}, "verdict"),
        ({"verdict": "APPROVE", "version": "99"}, "changed since you saw it"),
        ({"verdict": "APPROVE", "version": "abc"}, "Is not a version of a case"),
        ({"verdict": "KEEP", "until": "2001-01-01"}, "until"),
        ({"verdict": "KEEP", "until": "tomorrow"}, "until"),
        ({"verdict": "KEEP", "until": "2026-02-31"}, "until"),
    ],
)
def test_what_is_refused_says_so_and_moves_nothing(himal, owner, url, sent, told):
    case = flagged(himal)
    before = statuses(himal)
    answer = owner.post(url(f"fraud/cases/{case.pk}/decide/"), sent)
    assert answer.status_code == 302
    page = body(owner.get(answer.url))
    assert "i-flash-error" in page and told in page
    assert statuses(himal) == before and not Decision.objects.exists()


def test_keep_take_note_and_snooze(himal, owner, url):
    case = flagged(himal)
    owner.post(url(f"fraud/cases/{case.pk}/decide/"), {"assign": "me"})
    owner.post(url(f"fraud/cases/{case.pk}/note/"), {"note": "Asked the merchant."})
    with CaptureQueriesContext(connection) as sent:
        owner.post(url(f"fraud/cases/{case.pk}/snooze/"), {"signal": "DEVICE_SHARED", "days": "30"})
    assert not [each for each in sent if "fraud_link" in each["sql"] or "fraud_decision" in each["sql"]]  # no dossier
    owner.post(url(f"fraud/cases/{case.pk}/snooze/"), {"signal": "SELF_REFERRAL_ID", "days": "30"})  # refused
    case.refresh_from_db()
    assert case.assignee == owner.user
    text = body(owner.get(url(f"fraud/cases/{case.pk}/")))
    assert "Asked the merchant." in text
    assert himal.app.fraud_mutes.values_list("signal", "user_id").get() == ("DEVICE_SHARED", "mallory")
    owner.post(url(f"fraud/cases/{case.pk}/decide/"), {"verdict": "KEEP"})
    assert case.pk not in body(owner.get(url("fraud/")))
    assert case.pk in body(owner.get(url("fraud/?state=kept")))


def test_many_are_decided_after_a_look_and_undone_at_once(himal, owner, url):
    campaign = himal.campaign(fraudMode="hold", rewardModel="FIXED", rewardValue=10)
    found = [flagged(himal, name, campaign) for name in ("mallory", "trudy", "oscar")]
    look = body(owner.get(url("fraud/decide/by-score/?max_score=100")))
    assert "Release 3 cases?" in look and "USD 30.00" in look
    assert not Decision.objects.exists()
    flagged_anew = found[2]
    sent = {
        "verdict": "APPROVE",
        "sure": "yes",
        "note": "",
        "id": [case.pk for case in found],
        "seen": [f"{case.pk}:{case.version}" for case in found[:2]] + [f"{flagged_anew.pk}:{flagged_anew.version + 1}"],
    }
    done = body(owner.post(url("fraud/decide/"), sent))
    assert "2 cases released" in done and "changed since you looked" in done
    assert Decision.objects.count() == 2
    undo = {"decision": list(Decision.objects.values_list("pk", flat=True))}
    assert owner.post(url("fraud/decisions/undo/"), undo).status_code == 302
    assert himal.app.fraud_cases.filter(status="OPEN").count() == 3
    assert "Select the cases first" in body(owner.post(url("fraud/decide/"), {"verdict": "APPROVE"}))
    assert owner.get(url("fraud/decide/by-score/?max_score=1&min_score=2")).status_code == 400


def test_the_queue_costs_the_same_with_many(himal, owner, url):
    campaign = himal.campaign(fraudMode="hold", rewardModel="FIXED", rewardValue=10)

    def cost() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert owner.get(url("fraud/")).status_code == 200
        return len(seen)

    for name in ("a", "b"):
        flagged(himal, name, campaign)
    owner.get(url("fraud/"))
    few = cost()
    for number in range(12):
        flagged(himal, f"cheat {number}", campaign)
    assert cost() == few <= 14


@pytest.mark.parametrize("button", ["cases/{case}/decide/", "cases/{case}/note/", "decide/", "decisions/undo/"])
def test_what_no_browser_sends_is_refused(himal, owner, url, button):
    case = flagged(himal)
    sent = urlencode({"verdict": "APPROVE", "note": "a\x00b", "id": [case.pk, "\x00"], "sure": "yes"}, doseq=True)
    answer = owner.post(url("fraud/" + button.format(case=case.pk)), sent, "application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert not Decision.objects.exists()


def test_samples_are_for_sandboxes(himal, owner, url):
    assert owner.post(url("fraud/samples/")).status_code == 302
    assert not himal.app.fraud_cases.exists()
    assert owner.post(url("fraud/samples/", himal.app.sandbox)).status_code == 302
    assert himal.app.sandbox.fraud_cases.count() >= 5
    assert ledger.verify(himal.app.sandbox)["ok"]
