"""Expiry and streaks in the dashboard: the same words and refusals as the API, and nobody's change is overwritten."""

import re
from datetime import UTC, datetime

import pytest
from django.utils.html import escape

from incenta.accounts.models import Role
from incentives.dashboard.settings import ends, ends_at, streaks
from incentives.models import Rulebook
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db

FORM = {
    "coins_expire_after": "30",
    "coins_expire_unit": "day",
    "coins_expire_round": "month",
    "tokens_expire_after": "",
    "tokens_expire_unit": "day",
    "tokens_expire_round": "none",
    "streak_freezes": "2",
    "streak_freeze_every": "7",
    "streak_freezes_most": "5",
}
PATH = "incentives/settings/"


def seen(page: str) -> dict:
    return {"seen": re.search(r'name="seen" value="([^"]*)"', page).group(1)}


def test_what_is_set_is_what_the_api_says_and_the_page_tells_it(himal, owner, url):
    page = body(owner.get(url(PATH)))
    assert "never expire" in page
    assert "A streak ends with the first day that is missed." in page
    answer = owner.post(url(PATH), FORM | seen(page))
    assert (answer.status_code, answer.url) == (302, url(PATH))
    told = himal.get("/incentives/settings")
    assert (told["coinsExpireAfter"], told["coinsExpireRound"]) == (30, "month")
    assert told["tokensExpireAfter"] is None
    assert (told["streakFreezes"], told["streakFreezeEvery"]) == (2, 7)
    page = body(owner.get(url(PATH)))
    assert "expire 30 days after they are earned, at the end of that month" in page
    assert "earns one more after every 7 days in a row, up to 5" in page
    change = himal.app.rule_changes.get()
    assert change.actor == f"user:{owner.user.pk}"


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ({"coins_expire_after": "0"}, {"coinsExpireAfter": 0}),
        ({"tokens_expire_after": "soon"}, {"tokensExpireAfter": "soon"}),
        ({"streak_freezes": "101"}, {"streakFreezes": 101}),
        ({"streak_freeze_every": "-1"}, {"streakFreezeEvery": -1}),
    ],
)
def test_the_form_refuses_what_the_api_refuses(himal, owner, url, form, sent):
    refused = himal.patch("/incentives/settings", sent)
    assert refused.status == 400
    page = owner.post(url(PATH), FORM | seen(body(owner.get(url(PATH)))) | form)
    assert page.status_code == 422
    for sentence in (each for told in refused["details"].values() for each in told):
        assert escape(sentence) in body(page)
    assert not Rulebook.objects.filter(app=himal.app, coins_expire_after=30).exists()


def test_anothers_change_is_not_overwritten_and_other_rules_are_no_change(himal, owner, url):
    opened = seen(body(owner.get(url(PATH))))
    himal.post("/incentives/actions", {"key": "lesson", "name": "Lesson", "type": "STANDARD", "xp": 1})
    himal.patch("/incentives/settings", {"coinsExpireAfter": 5})
    stale = owner.post(url(PATH), FORM | opened)
    assert stale.status_code == 422
    assert "Somebody changed this meanwhile." in body(stale)
    assert himal.get("/incentives/settings")["coinsExpireAfter"] == 5
    opened = seen(body(owner.get(url(PATH))))
    himal.post("/incentives/actions", {"key": "exam", "name": "Exam", "type": "STANDARD", "xp": 1})
    assert owner.post(url(PATH), FORM | opened).status_code == 302


def test_who_may_not_edit_reads(himal, url):
    analyst = sign_in(himal.app.merchant, Role.ANALYST)
    page = body(analyst.get(url(PATH)))
    assert "never expire" in page
    assert 'name="coins_expire_after"' not in page
    assert analyst.post(url(PATH), FORM | {"seen": ""}).status_code == 403
    assert himal.get("/incentives/settings")["coinsExpireAfter"] is None
    developer = sign_in(himal.app.merchant, Role.DEVELOPER)
    where = url(PATH, himal.app.sandbox)
    assert developer.post(where, FORM | seen(body(developer.get(where)))).status_code == 302


def test_the_words():
    now = datetime(2026, 1, 31, 20, 0, tzinfo=UTC)
    assert (
        ends(Rulebook(coins_expire_after=1, coins_expire_unit="month"), "coins")
        == "expire 1 month after they are earned"
    )
    ended = ends_at(
        Rulebook(coins_expire_after=1, coins_expire_unit="day", coins_expire_round="day"), "coins", "UTC", now
    )
    assert ended == datetime(2026, 2, 2, tzinfo=UTC)
    assert streaks(Rulebook(streak_freezes=1)) == "Each user begins with 1 freeze. A freeze covers one missed day."
    assert streaks(Rulebook(streak_freeze_every=1)).startswith(
        "Nobody begins with a freeze, and earns one more after every 1 day"
    )
