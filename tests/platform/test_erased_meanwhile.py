"""What names people by ids that it read a moment ago, and the erasure of one of them, at once: whoever is first, nothing says his old
id afterwards. None of them has a wallet, for which one could wait."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction

from fraud import deadlines, deciding, deciding_many, rescoring, undoing
from fraud.models import Case, Decision, Flag, Rescore, Score
from fraud.raising import Suspicion, raise_flags
from incenta import clock
from incenta.accounts.models import Tombstone
from incenta.database import sql
from incenta.errors import Conflict
from incentives.ledger.models import Wallet
from tests.cast import Caller, at_once
from tests.fraud.test_person_holds import suspect
from tests.incentives.game import action, did
from tests.marketplace.stalls import books_are_right
from tests.platform.test_people import rows_naming

pytestmark = pytest.mark.django_db(transaction=True)

ASHA = "asha the first"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
READING_SCORES = "LOCK TABLE fraud_score IN ACCESS EXCLUSIVE MODE"
"""A ruling has read the flags by then, and has written nothing."""
LOCKING_CASES = "SELECT FROM fraud_case FOR UPDATE"
WRITING_EVENTS = "LOCK TABLE events_event IN SHARE MODE"
LOCKING_CODES = "SELECT FROM referrals_referral FOR UPDATE"
DELETING_THE_TASK = "LOCK TABLE fraud_rescore IN SHARE MODE"
"""The last that a look at somebody does."""
TOMBSTONE = "SELECT FROM accounts_app FOR UPDATE"
"""An erasure has done all, and looks after a foreign key when it commits."""


def in_turn(stop: str, *acts: Callable[[], object]) -> list:
    """Two at once, the second when the first has come as far as to wait for ``stop``, a statement that locks, and both go on when
    the second waits, too, or has done. Answers what they answer."""
    answers: list = [None] * len(acts)

    def run(place: int) -> None:
        [answers[place]] = at_once(1, lambda _: acts[place]())

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    with transaction.atomic():
        sql.execute(stop)
        deadline = time.monotonic() + 20
        for place, thread in enumerate(threads, 1):
            thread.start()
            while sql.row(WAITING)[0] < place and (thread.is_alive() or place == 1):
                sql.row("SELECT pg_stat_clear_snapshot()")
                assert time.monotonic() < deadline, "it neither ends nor waits"
    for thread in threads:
        thread.join()
    return answers


def both(stop: str, is_erased_first: bool, himal: Caller, act: Callable[[], object]) -> object:
    """``act`` and the erasure of asha. Answers what ``act`` answers."""
    acts = [act, lambda: himal.delete("/users/asha%20the%20first")]
    answers = in_turn(TOMBSTONE, *acts[::-1]) if is_erased_first else in_turn(stop, *acts)
    answer, erased = answers[::-1] if is_erased_first else answers
    assert not isinstance(answer, BaseException), answer
    assert getattr(answer, "status", 200) in (200, 201), answer
    assert erased.status == 200, erased
    assert not Wallet.objects.filter(user_id=ASHA).exists()
    assert rows_naming(himal.app, ASHA) == []
    return answer


def ring(himal: Caller, **more) -> Case:
    """Codes of asha and of somebody else, in one case that is not asha's alone: PostgreSQL sees no circle of two who wait for it."""
    campaign = himal.campaign()
    suspicions = []
    for user in (ASHA, "bikram"):
        code = himal.code(campaign, user)
        subject = himal.app.referrals.get(code=code).pk
        suspicions.append(
            Suspicion("REFERRAL", subject, "STAR", "SUSPICIOUS_PATTERN", 60, "A star.", 60, user, campaign, {"users": [ASHA]},
                      case_key="ring:1", **more)
        )  # fmt: skip
    with transaction.atomic():
        raise_flags(himal.app, suspicions)
    return Case.objects.get(key="ring:1")


erased_first = pytest.mark.parametrize("is_erased_first", [False, True])


@erased_first
@pytest.mark.parametrize("what", ["approve", "many", "reject", "resolve", "their deadline"])
def test_a_ruling_that_is_half_done(himal, what, is_erased_first):
    hours = {"due_hours": 0, "due_outcome": "REJECT"} if what == "their deadline" else {}
    case = ring(himal, **hours)
    flag = Flag.objects.get(user_id=ASHA)
    verdict = {"verdict": what.upper(), "note": "A ring"}
    acts = {
        "approve": lambda: himal.post(f"/fraud/cases/{case.pk}/decide", verdict),
        "many": lambda: deciding_many.decide_many(himal.app, "REJECT", ids=[case.pk], note="A ring", actor="sam"),
        "reject": lambda: himal.post(f"/fraud/cases/{case.pk}/decide", verdict),
        "resolve": lambda: himal.post(f"/fraud/flags/{flag.pk}/resolve", {"decision": "APPROVE", "note": "Friends"}),
        "their deadline": lambda: deadlines.at_deadline(himal.app, case.pk),
    }
    both(READING_SCORES, is_erased_first, himal, acts[what])
    flag.refresh_from_db()
    assert flag.status != "OPEN" and flag.user_id.startswith("former-member-")
    assert Decision.objects.get().flags


@erased_first
@pytest.mark.parametrize("was", ["APPROVE", "REJECT"])
def test_an_undoing_that_is_half_done(himal, was, is_erased_first):
    case = ring(himal)
    decision = deciding.decide(himal.app, case.pk, was, note="A ring", actor="sam").decision
    both(LOCKING_CASES, is_erased_first, himal, lambda: undoing.undo(himal.app, decision.pk, actor="sam"))
    assert Flag.objects.filter(status="OPEN", user_id__startswith="former-member-").count() == 1


@erased_first
def test_a_code_that_is_just_being_flagged(himal, is_erased_first):
    code = himal.code(himal.campaign(), ASHA)
    said = {"reason": "Shared in a forum"}

    def flag() -> object:
        answer = himal.post(f"/referrals/{code}/flag", said)
        return None if (answer.status, is_erased_first) == (404, True) else answer  # the code is closed

    both(LOCKING_CODES, is_erased_first, himal, flag)


@erased_first
def test_a_look_beside_whom_somebody_was_seen(himal, is_erased_first):
    seen = {"deviceId": "device-7", "paymentFingerprint": "card-7"}
    tara = himal.code(himal.campaign(), "tara")
    for friend in (ASHA, "devi"):
        made = himal.convert(tara, friend, 50, context=seen)
    Rescore.objects.exclude(subject_id=made["conversionId"]).delete()
    Rescore.objects.update(due_at=clock.now(himal.app) - timedelta(hours=1))
    Score.objects.all().delete()
    assert both(DELETING_THE_TASK, is_erased_first, himal, lambda: rescoring.run(himal.app)) == 1
    assert Score.objects.filter(subject_id=made["conversionId"]).exists()


@erased_first
def test_the_first_conversion_of_somebody(himal, is_erased_first):
    """It reads his id from the code, and makes his wallet: he is not to come back by what others do."""
    code = himal.code(himal.campaign(), ASHA)

    def convert() -> object:
        answer = himal.convert(code, "bikram")
        assert answer.status == (404 if is_erased_first else 201), answer
        return None

    both(WRITING_EVENTS, is_erased_first, himal, convert)
    books_are_right(himal.app)


def test_the_story_of_a_list_names_him_no_more(himal):
    himal.code(himal.campaign(), ASHA)
    entry = himal.post("/fraud/lists", {"side": "DENY", "kind": "USER", "value": ASHA})["id"]
    assert himal.delete(f"/fraud/lists/{entry}").status == 204
    name = himal.delete("/users/asha%20the%20first")["userId"]
    assert rows_naming(himal.app, ASHA) == []
    assert set(himal.app.fraud_changes.values_list("data__value", flat=True)) == {name}


@pytest.mark.parametrize("verdict", ["APPROVE", "REJECT"])
def test_what_was_decided_of_a_person_is_undone_for_who_he_is_now(himal, verdict):
    """Points are decided of their user: his id is what the decision is about."""
    action(himal)
    did(himal, ASHA)
    decision = deciding.decide(himal.app, suspect(himal, ASHA), verdict, note="A bot", actor="sam").decision
    name = himal.delete("/users/asha%20the%20first")["userId"]
    assert rows_naming(himal.app, ASHA) == []
    decision.refresh_from_db()
    assert decision.seen["subjects"] == [["USER", name]]
    undoing.undo(himal.app, decision.pk, actor="sam")
    assert rows_naming(himal.app, ASHA) == []
    assert himal.app.standings.get(user_id=name).on_hold


def test_thirty_rulings_and_erasures(himal):
    campaign = himal.campaign()
    for number in range(10):
        code = himal.code(campaign, f"{ASHA}: {number}", refereeId=f"{ASHA}: {number}")
        himal.convert(code, f"{ASHA}: {number}", 50)
    cases = list(Case.objects.order_by("pk").values_list("pk", flat=True))
    assert len(cases) == 10

    def act(place: int):
        number, turn = divmod(place, 3)
        if turn == 0:
            return himal.delete(f"/users/asha%20the%20first%3A%20{number}").status
        if turn == 1:
            return himal.post(f"/fraud/cases/{cases[number]}/decide", {"verdict": "REJECT", "note": "He"}).status
        decided = deciding_many.decide_many(himal.app, "REJECT", ids=cases[::-1], note="He", actor="sam").decided
        for each in decided[:2]:
            undoing.undo(himal.app, each.decision.pk, actor="sam")
        return 200

    answers = at_once(30, act)
    unexpected = [each for each in answers if each not in (200, 409) and not isinstance(each, Conflict)]
    assert not unexpected, unexpected
    assert answers[::3] == [200] * 10
    assert Tombstone.objects.count() == 10
    assert rows_naming(himal.app, "the first") == []
