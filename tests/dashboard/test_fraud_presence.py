"""The strip above a case: who else looks at it, what has happened since; asked by the page, and no sign that its reader was seen."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile as Upload
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fraud.models import CasePresence
from incenta.accounts.models import Membership, Role, User
from tests.dashboard.conftest import body, sign_in
from tests.fraud.files import PDF
from tests.fraud.test_attachments import flagged

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def case(himal):
    return flagged(himal)


@pytest.fixture
def page(case, url) -> str:
    return url(f"fraud/cases/{case.pk}/")


@pytest.fixture
def bimal(himal) -> Client:
    user = User.objects.create_user("bimal@himal.example", name="Bimal Rai")
    Membership.objects.create(merchant=himal.app.merchant, user=user, role=Role.ANALYST)
    browser = Client()
    browser.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return browser


def strip_of(text: str) -> str:
    return unescape(re.search(r'id="presence"[^>]*>(.*?)</div>\s*</div>', text, re.DOTALL)[1])


def asks(browser: Client, text: str, **headers: str):
    """What the page asks again by itself."""
    where = unescape(re.search(r'data-poll="20" hx-get="([^"]+)"', text)[1])
    return browser.get(where, headers=HTMX | headers)


def words(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(body(answer))).split())


def test_two_who_look_are_told_of_each_other(owner, bimal, page):
    mine = body(owner.get(page))
    assert "looking at this case" not in mine and "data-poll" in strip_of(mine)
    assert asks(owner, mine).status_code == 204
    his = body(bimal.get(page))
    assert "owner@himal.example" in strip_of(his) and "is looking at this case too, since" in strip_of(his)
    told = asks(owner, mine)
    assert "Bimal Rai is looking at this case too, since" in words(told) and "<main" not in body(told)
    assert asks(owner, body(told)).status_code == 204  # said once
    CasePresence.objects.update(seen_at=timezone.now() - timedelta(minutes=2))
    assert "looking" not in words(asks(owner, body(told)))


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        ({"verdict": "APPROVE"}, "Bimal Rai decided it at"),
        ({"verdict": "KEEP"}, "Bimal Rai kept it on hold at"),
        ({"assign": "me"}, "Bimal Rai assigned it at"),
    ],
)
def test_what_another_did_is_told_with_a_way_to_load_it(owner, bimal, page, deed, told):
    mine = body(owner.get(f"{page}?state=open"))
    bimal.post(f"{page}note/", {"note": "Asked her."})
    bimal.post(f"{page}decide/", deed)
    answer = asks(owner, mine, **{"HX-Current-URL": f"http://testserver{page}?state=open"})
    assert told in words(answer) and "(and 1 more)" in words(answer)
    assert f'href="{page}?state=open"' in body(answer) and "Load it anew" in body(answer)
    assert asks(owner, body(answer)).status_code == 204
    assert told not in body(owner.get(page))  # loaded anew it is no news


def test_a_note_and_a_file_are_news_and_ones_own_deed_is_ones_own(owner, bimal, page):
    mine = body(owner.get(page))
    bimal.post(f"{page}note/", {"note": "Asked her."})
    assert "Bimal Rai wrote a note at" in words(asks(owner, mine))
    bimal.post(f"{page}files/", {"attach-files": Upload("a.pdf", PDF)})
    assert "Bimal Rai attached a file at" in words(asks(owner, mine))
    owner.post(f"{page}decide/", {"verdict": "APPROVE"})
    assert "You, in another window, decided it at" in words(asks(owner, mine))
    # another address than the page's own is never led to
    answer = asks(owner, mine, **{"HX-Current-URL": "http://testserver/elsewhere/?a=b"})
    assert f'href="{page}"' in body(answer)


def test_who_goes_on_to_the_next_case_is_there_no_more(himal, owner, bimal, page, url):
    bimal.get(page)
    assert "Bimal Rai is looking" in words(owner.get(page))
    nexts = url(f"fraud/cases/{flagged(himal, 'trudy').pk}/")
    for elsewhere in ("http://[", "http://testserver/nowhere/", f"http://testserver{url('fraud/')}"):
        bimal.get(nexts, headers={"Referer": elsewhere})
    assert "Bimal Rai is looking" in words(owner.get(page))
    bimal.get(nexts, headers={"Referer": f"http://testserver{page}?state=open"})
    assert "Bimal Rai is looking" not in words(owner.get(page))


def test_who_decided_goes_on_and_is_there_no_more(owner, bimal, page):
    owner.get(page)
    bimal.get(page)
    bimal.post(f"{page}decide/", {"verdict": "APPROVE"})
    assert "Bimal Rai is looking" not in words(owner.get(page))


def test_who_left_the_team_is_not_told_of(himal, owner, bimal, page):
    mine = body(owner.get(page))
    bimal.get(page)
    Membership.objects.filter(user__name="Bimal Rai").delete()
    assert asks(owner, mine).status_code == 204
    assert asks(bimal, mine).status_code == 404


def test_a_page_that_asks_keeps_no_session_going_and_sees_nobody(himal, owner, page):
    mine = body(owner.get(page))
    Membership.objects.update(last_seen_at=None)
    session = owner.session
    del session["seen"]
    session["app_id"] = "another"
    session.save()
    before = list(Session.objects.values())
    answer = asks(owner, mine)
    assert answer.status_code == 204 and not answer.cookies
    assert list(Session.objects.values()) == before and Membership.objects.filter(last_seen_at=None).exists()
    Client().get(page)
    door = Client().get(f"{page}presence/", headers=HTMX | {"HX-Current-URL": f"http://testserver{page}"})
    assert "You are signed out." in body(door) and f"/accounts/login/?next={page.replace('/', '%2F')}" in body(door)
    assert "data-poll" not in body(door)


def test_by_role_and_merchant_and_without_a_script(himal, rival, case, owner, url):
    path = f"fraud/cases/{case.pk}/presence/"
    assert owner.get(url(path)).url == url(f"fraud/cases/{case.pk}/")
    for headers in ({}, HTMX):
        assert sign_in(rival.app.merchant).get(url(path), headers=headers).status_code == 404
        assert sign_in(rival.app.merchant).get(url(path, rival.app), headers=headers).status_code == 404
        assert owner.get(url("fraud/cases/case_none/presence/"), headers=headers).status_code == 404
    assert sign_in(himal.app.merchant, Role.DEVELOPER).get(url(path), headers=HTMX).status_code == 403
    assert CasePresence.objects.count() == 0
    for wrong in ("?since=x&said=y", "?since=9.999999999999999999999&said=", "?since=1.2.3"):
        assert owner.get(url(path) + wrong, headers=HTMX).status_code == 200


def test_a_poll_costs_little_and_a_full_room_no_more(himal, owner, bimal, page):
    mine = body(owner.get(page))

    def cost() -> int:
        with CaptureQueriesContext(connection) as sent:
            asks(owner, mine)
        return len(sent)

    assert cost() <= 5
    bimal.get(page)
    with_one = cost()
    for role in (Role.ADMIN, Role.ANALYST):
        sign_in(himal.app.merchant, role).get(page)
    bimal.post(f"{page}note/", {"note": "Asked her."})
    assert cost() <= with_one + 1 <= 7


def test_an_address_that_is_none_leads_nowhere(owner, page):
    where = f"{page}presence/?since=0.0"
    for wrong in ("http://[", "http://[::1", "https://testserver]/"):
        answer = owner.get(where, headers=HTMX | {"HX-Current-URL": wrong})
        assert answer.status_code == 200 and f'href="{page}"' in body(answer)
        assert "%2Fdashboard%2F" in body(Client().get(where, headers=HTMX | {"HX-Current-URL": wrong}))
