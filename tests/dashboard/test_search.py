"""The command box: an id opens what it names, a text finds the first few of each kind; nobody finds what is another's."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse

from incenta.accounts.models import Role
from incenta.dashboard.menu import ELSEWHERE, ENTRIES
from incenta.dashboard.search import MOST
from tests.dashboard.conftest import body, sign_in
from tests.everything import one_of_everything

pytestmark = pytest.mark.django_db

OPENS = (
    "campaign_id", "click_id", "conversion_id", "delivery_id", "key_id", "referral_id", "replay_id", "request_id",
    "reward_id", "webhook_id",
)  # fmt: skip


def test_each_id_opens_its_object_and_no_one_elses(himal, rival, owner, url):
    names = one_of_everything(himal, "himal")
    theirs = one_of_everything(rival, "rival")
    prefixes = {value.partition("_")[0] for value in names.values()}
    assert {"camp", "case", "dlv", "wal", "trf"} & prefixes
    for name in sorted(names):
        answer = owner.get(url("search/"), {"q": f" {names[name]} "})
        if name in OPENS:
            assert answer.status_code == 302, name
        if answer.status_code == 302:
            assert owner.get(answer["Location"]).status_code == 200, (name, answer["Location"])
            assert himal.app.pk in answer["Location"] or name == "app_id", name
    for name in sorted(theirs):
        answer = owner.get(url("search/"), {"q": theirs[name]})
        assert answer.status_code == 200, name
        assert f"/dashboard/{theirs['app_id']}/" not in body(answer), name


def test_a_text_finds_the_first_of_each_kind(himal, owner, url):
    campaign = himal.campaign(name="Spring friends")
    code = himal.code(campaign, "asha")
    himal.convert(code, "bikram", externalId="spr-1001")
    found = body(owner.get(url("search/?q=spring")))
    assert "Spring friends" in found
    assert reverse("dashboard:campaign", args=[himal.app.pk, campaign]) in found
    assert code in body(owner.get(url("search/"), {"q": code[:4].lower()}))
    assert "spr-1001" in body(owner.get(url("search/?q=spr-1")))
    assert "USD 5.00 for asha" in body(owner.get(url("search/?q=ash")))
    assert url("keys/") in body(owner.get(url("search/?q=api+keys")))
    assert "Nothing found" in body(owner.get(url("search/?q=zzzz")))
    assert "Nothing found" not in body(owner.get(url("search/")))


def test_pages_are_found_by_name_in_the_menu_or_not(himal, owner, url):
    assert url("rewards/payouts/") in body(owner.get(url("search/?q=payout")))
    assert url("campaigns/new/") in body(owner.get(url("search/?q=new+camp")))
    analyst = sign_in(himal.app.merchant, Role.ANALYST)
    assert url("campaigns/new/") not in body(analyst.get(url("search/?q=new+camp")))
    for entry in (*ENTRIES, *ELSEWHERE):
        address = reverse(f"dashboard:{entry.section}", args=[himal.app.pk])
        assert resolve(address).func.view_class.permission == entry.permission, entry
        assert address in body(owner.get(url("search/"), {"q": f"{entry.group} {entry.label}"})), entry


def test_the_box_gets_options(himal, owner, url):
    himal.campaign(name="Spring friends")
    answer = owner.get(url("search/?q=spring"), headers={"HX-Request": "true"})
    assert 'role="option"' in body(answer)
    assert "<html" not in body(answer)
    campaign = himal.app.campaigns.get().pk
    assert f"/campaigns/{campaign}/" in body(owner.get(url("search/"), {"q": campaign}, headers={"HX-Request": "true"}))


def test_who_may_not_open_it_does_not_find_it(himal, owner, url):
    himal.convert(himal.code(himal.campaign(), "mallory"), "mallory")
    case = himal.app.fraud_cases.get().pk
    key = himal.app.api_keys.first().pk
    developer, analyst = (sign_in(himal.app.merchant, role) for role in (Role.DEVELOPER, Role.ANALYST))
    assert owner.get(url(f"search/?q={case}")).status_code == analyst.get(url(f"search/?q={case}")).status_code == 302
    assert developer.get(url(f"search/?q={case}")).status_code == 200
    assert "mallory, score" in body(owner.get(url("search/?q=mall")))
    assert "mallory, score" not in body(developer.get(url("search/?q=mall")))
    assert developer.get(url(f"search/?q={key}")).status_code == 302
    assert analyst.get(url(f"search/?q={key}")).status_code == 200
    assert url("keys/") not in body(analyst.get(url("search/?q=api+keys")))


@pytest.mark.parametrize("text", ["%", "_", "'", "\\", "\U0010ffff", "a\0b", "x" * 300, "camp_" + "0" * 26, "<b>bold"])
def test_any_text_may_be_asked_for(himal, owner, url, text):
    himal.campaign(name="100 % off")
    page = body(owner.get(url("search/"), {"q": text}))
    assert "<b>bold" not in page


def test_a_search_costs_as_much_among_many(himal, owner, url):
    def cost() -> int:
        owner.get(url("search/?q=fr"))
        with CaptureQueriesContext(connection) as captured:
            owner.get(url("search/?q=fr"))
        return len(captured)

    campaign = himal.campaign(name="fr one")
    himal.convert(himal.code(campaign, "fr"), "frida", externalId="fr1")
    few = cost()
    for number in range(MOST + 2):
        code = himal.code(himal.campaign(name=f"fr {number}"), f"fr{number}")
        himal.convert(code, f"frida{number}", externalId=f"fr-{number}")
    assert cost() == few <= 18
