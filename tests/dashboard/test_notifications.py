"""Notifications: computed from what needs somebody, put away by each person until they say something else."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test.client import encode_multipart
from django.utils import timezone

from incenta.accounts.models import Role
from incenta.dashboard import minute
from incenta.dashboard.models import Dismissal
from incenta.dashboard.notifications import MOST_KEPT
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_is_kept():
    minute._kept.clear()
    yield
    minute._kept.clear()


def suspect(himal, who: str = "mallory") -> None:
    himal.convert(himal.code(himal.campaign(rewardModel="FIXED", rewardValue=10), who), who)


def notice_in(page: str) -> str:
    return page.split('name="notice" value="')[1].split('"')[0]


def test_what_waits_is_told_until_it_is_put_away_and_again_when_it_changes(himal, owner, url):
    assert "Nothing needs you" in body(owner.get(url("notifications/")))
    assert "i-bell-count" not in body(owner.get(url("keys/")))
    suspect(himal)
    page = body(owner.get(url("notifications/")))
    assert "1 fraud case waits for a decision" in page
    assert "Notifications: 1 need somebody" in body(owner.get(url("keys/")))
    assert owner.post(url("notifications/dismiss/"), {"notice": notice_in(page)}).status_code == 302
    page = body(owner.get(url("notifications/")))
    assert "Nothing needs you" in page and "Put away</h2>" in page
    assert "i-bell-count" not in body(owner.get(url("keys/")))
    suspect(himal, "trudy")
    page = body(owner.get(url("notifications/")))
    assert "2 fraud cases wait" in page and "Nothing needs you" not in page


def test_it_can_be_shown_again(himal, owner, url):
    suspect(himal)
    notice = notice_in(body(owner.get(url("notifications/"))))
    owner.post(url("notifications/dismiss/"), {"notice": notice})
    owner.post(url("notifications/restore/"), {"notice": notice})
    assert not Dismissal.objects.exists()
    assert "Nothing needs you" not in body(owner.get(url("notifications/")))


def test_a_notice_is_put_away_by_each_for_himself(himal, owner, url):
    suspect(himal)
    owner.post(url("notifications/dismiss/"), {"notice": notice_in(body(owner.get(url("notifications/"))))})
    assert "1 fraud case waits" in body(sign_in(himal.app.merchant, Role.ANALYST).get(url("notifications/")))
    # a developer decides no fraud and is told of none
    developer = sign_in(himal.app.merchant, Role.DEVELOPER)
    assert "fraud case" not in body(developer.get(url("notifications/")))


def test_only_what_is_told_can_be_put_away(himal, rival, owner, url):
    for _ in range(2):
        owner.post(url("notifications/dismiss/"), {"notice": "f" * 32})
    assert not Dismissal.objects.exists()
    suspect(himal)
    notice = notice_in(body(owner.get(url("notifications/"))))
    browser = sign_in(rival.app.merchant)
    assert browser.post(url("notifications/dismiss/"), {"notice": notice}).status_code == 404
    assert browser.get(url("notifications/")).status_code == 404
    browser.post(url("notifications/dismiss/", rival.app), {"notice": notice})
    assert not Dismissal.objects.exists()


def test_what_is_put_away_does_not_pile_up(himal, owner, url):
    Dismissal.objects.bulk_create(
        Dismissal(app=himal.app, user=owner.user, notice=str(number)) for number in range(MOST_KEPT)
    )
    suspect(himal)
    owner.post(url("notifications/dismiss/"), {"notice": notice_in(body(owner.get(url("notifications/"))))})
    assert Dismissal.objects.count() == MOST_KEPT


def test_stock_that_runs_low_is_told(himal, owner, url):
    item = himal.post("/incentives/catalog", {"name": "Coffee on us", "coinCost": 20, "inventory": 3})
    assert item.status == 201, item
    assert "Coffee on us runs low: 3 left" in body(owner.get(url("notifications/")))
    assert "Coffee on us" not in body(sign_in(himal.app.merchant, Role.ANALYST).get(url("notifications/")))


def test_a_deadline_that_is_near_is_told(himal, owner, url):
    suspect(himal)
    case = himal.app.fraud_cases.get()
    case.due_at, case.due_outcome = timezone.now() + timedelta(hours=20), "RELEASE"
    case.save()
    assert "1 fraud case decides itself within a day" in body(owner.get(url("notifications/")))
    case.due_at += timedelta(days=2)
    case.save()
    assert "decides itself" not in body(owner.get(url("notifications/")))


@pytest.mark.parametrize("form", ["multipart/form-data; boundary=BoUnDaRyStRiNg", "application/x-www-form-urlencoded"])
def test_a_nul_in_either_kind_of_form_is_refused(owner, url, form):
    sent = {"notice": "a\0b"}
    sent = urlencode(sent) if "urlencoded" in form else encode_multipart("BoUnDaRyStRiNg", sent)
    for place in ("notifications/dismiss/", "notifications/restore/", "views/save/"):
        assert owner.post(url(place), sent, content_type=form).status_code == 400, place
