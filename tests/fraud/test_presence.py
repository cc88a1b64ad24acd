"""Who has a case open: told for a minute, of one's own merchant only, in one statement, and without a row too many."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from fraud import forgetting, presence
from fraud.models import Case, CasePresence
from fraud.presence import State
from incenta.accounts.models import User
from incenta.errors import NotFound
from tests.cast import Caller, at_once
from tests.fraud.test_attachments import flagged
from tests.referrals.moments import at

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(himal) -> Case:
    return flagged(himal)


def people(count: int) -> list[int]:
    return [User.objects.create_user(f"p{number}@himal.example", name=f"P{number}").pk for number in range(count)]


def sees(case: Case, user: int) -> list[int]:
    return [other.user_id for other in presence.note(case.app, case.pk, user).others]


def later(seconds: int) -> None:
    """So long nobody has said anything."""
    gap = timedelta(seconds=seconds)
    CasePresence.objects.update(seen_at=F("seen_at") - gap, since=F("since") - gap)


def test_each_sees_the_others_in_the_order_of_their_coming(case):
    asha, bimal, chandra = people(3)
    assert sees(case, asha) == []
    assert sees(case, bimal) == [asha]
    assert sees(case, chandra) == [asha, bimal]
    assert sees(case, asha) == [bimal, chandra]
    presence.leave(case.app, case.pk, bimal)
    assert sees(case, asha) == [chandra]


def test_who_says_nothing_for_a_minute_is_gone_and_comes_anew(case):
    asha, bimal = people(2)
    sees(case, asha)
    later(40)
    [other] = presence.note(case.app, case.pk, bimal).others
    presence.note(case.app, case.pk, asha)
    assert presence.note(case.app, case.pk, bimal).others == (other,), "a visit goes on since it began"
    later(presence.FRESH_S + 1)
    assert sees(case, bimal) == []
    presence.note(case.app, case.pk, asha)
    assert presence.note(case.app, case.pk, bimal).others[0].since > other.since


def test_another_case_and_another_merchant_know_nothing_of_it(himal, rival, case):
    asha, bimal = people(2)
    sees(case, asha)
    assert sees(flagged(himal, "trudy"), bimal) == [] == sees(flagged(rival), bimal)
    for app, case_id in ((rival.app, case.pk), (himal.app, "case_none")):
        with pytest.raises(NotFound):
            presence.note(app, case_id, bimal)
    assert CasePresence.objects.count() == 3


def test_rows_of_earlier_visits_go_with_the_next(himal, case):
    asha, bimal = people(2)
    others = [flagged(himal, name) for name in ("trudy", "oscar")]
    for each in (case, *others):
        sees(each, asha)
        sees(each, bimal)
    assert CasePresence.objects.count() == 6
    later(presence.FRESH_S + 1)
    sees(case, asha)
    assert CasePresence.objects.filter(user=asha).count() == 1 and CasePresence.objects.filter(user=bimal).count() == 3
    presence.note(himal.app, others[0].pk, asha, left=case.pk)  # on to the next
    assert CasePresence.objects.get(user=asha).case == others[0]
    later(86_400)
    forgetting.forget_all()
    assert not CasePresence.objects.exists()


def test_thirty_polls_at_once_leave_one_row_a_person_and_stumble_over_nothing(transactional_db, himal):
    cases = [flagged(himal), flagged(himal, "trudy")]
    team = people(3)
    for each in cases:
        for user in team:
            sees(each, user)
    for _ in range(3):
        later(presence.FRESH_S + 1)  # so that each would also clear the others away
        done = at_once(30, lambda number: sees(cases[number % 2], team[number % 3]))
        assert [each for each in done if not isinstance(each, list)] == []
    assert CasePresence.objects.filter(case=cases[0]).count() <= 3
    assert sees(cases[0], team[0]) == [user for user in sees(cases[0], team[0]) if user != team[0]]


def test_a_visit_that_somebody_holds_is_not_waited_for(transactional_db, himal):
    """Two windows of one person that wake up together would each clear the other's row away, and wait for each other."""
    here, there = flagged(himal), flagged(himal, "trudy")
    [asha] = people(1)
    for each in (here, there):
        sees(each, asha)
    later(presence.FRESH_S + 1)

    def act(_: int) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        return sees(here, asha)

    with transaction.atomic():
        CasePresence.objects.select_for_update().get(case=there)
        assert at_once(1, act) == [[]]
    assert CasePresence.objects.count() == 2


def test_one_statement_whoever_is_there(case):
    team = people(14)
    for user in team:
        sees(case, user)
    with CaptureQueriesContext(connection) as sent:
        assert len(sees(case, team[0])) == presence.MOST
    assert len(sent) == 1


def test_what_happens_is_told_from_what_was_seen(himal, case):
    [asha] = people(1)
    seen = presence.note(himal.app, case.pk, asha).state
    assert presence.news(himal.app, case.pk, seen, presence.note(himal.app, case.pk, asha).state) == []
    himal.post(f"/fraud/cases/{case.pk}/notes", {"note": "Asked her."})
    himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "APPROVE"})
    now = presence.note(himal.app, case.pk, asha).state
    assert now.version > seen.version and now.line > seen.line
    assert [line.kind for line in presence.news(himal.app, case.pk, seen, now)] == ["decided", "note"]
    assert State.told(str(now)) == now


@pytest.mark.parametrize("text", ["", "1", "1.2.3", "a.b", "-1.2", "1." + "9" * 40, "१.२"])
def test_what_no_page_gave_back_is_nothing(text):
    assert State.told(text) is None


def test_presence_is_in_real_time_whatever_a_sandbox_says(sandbox: Caller):
    asha, bimal = people(2)
    case = flagged(sandbox)
    sees(case, asha)
    at(sandbox, "2027-03-05T10:00:00Z")
    assert sees(case, bimal) == [asha]
