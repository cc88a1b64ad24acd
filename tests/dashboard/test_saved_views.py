"""Saved views: a list's filters and order under a name; each person's own; gone with whom they look for."""

import pytest

from incenta.accounts import people
from incenta.accounts.models import Role
from incenta.dashboard.models import SavedView
from incenta.dashboard.saved_views import MOST, canonical_query
from tests.cast import at_once
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("sort=-name&q=spring&page=3&status=", "q=spring&sort=-name"),
        ("status=ACTIVE&status=DRAFT&after=x&export=csv", "status=ACTIVE&status=DRAFT"),
        ("q=a%20b&q=", "q=a+b"),
        ("", ""),
        ("page=2", ""),
    ],
)
def test_a_view_is_what_a_list_shows_and_no_more(said, kept):
    assert canonical_query(said) == kept


def save(browser, url, **sent):
    told = {"name": "Mine", "page": "campaigns/", "query": "q=spring&page=2", "back": url("campaigns/")} | sent
    return browser.post(url("views/save/"), told)


def test_a_view_stands_above_its_list_and_leads_to_it(himal, owner, url):
    himal.campaign(name="Spring")
    answer = save(owner, url)
    assert answer["Location"] == url("campaigns/?q=spring")
    page = body(owner.get(answer["Location"]))
    assert "The view “Mine” is saved." in page
    chip = f'<a href="{url("campaigns/")}?q=spring" aria-current="true">Mine</a>'
    assert chip in page
    assert chip.replace(' aria-current="true"', "") in body(owner.get(url("campaigns/")))
    assert ">Mine</a>" not in body(owner.get(url("keys/")))
    assert ">Mine</a>" not in body(owner.get(url("campaigns/"), headers={"HX-Request": "true"}))
    # the same name on the same list is moved, not doubled
    save(owner, url, query="q=autumn")
    assert SavedView.objects.get().query == "q=autumn"
    owner.post(url("views/delete/"), {"id": SavedView.objects.get().pk, "back": url("campaigns/")})
    assert not SavedView.objects.exists()


def test_a_view_is_of_one_person_in_one_app(himal, rival, owner, url):
    save(owner, url)
    view = SavedView.objects.get()
    analyst = sign_in(himal.app.merchant, Role.ANALYST)
    himal.campaign()
    assert ">Mine</a>" not in body(analyst.get(url("campaigns/")))
    for browser in (analyst, sign_in(rival.app.merchant)):
        browser.post(url("views/delete/"), {"id": view.pk})
        browser.post(url("views/delete/", rival.app), {"id": view.pk})
    assert SavedView.objects.filter(pk=view.pk).exists()
    assert save(sign_in(rival.app.merchant), url).status_code == 404


@pytest.mark.parametrize(
    "sent", [{"name": ""}, {"name": "x" * 61}, {"query": "page=2"}, {"query": f"q={'x' * 1100}"}, {"page": ""}]
)
def test_what_is_no_view_is_not_saved(himal, owner, url, sent):
    assert save(owner, url, **sent).status_code == 302
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/dashboard/app_x/", "javascript:1", ""])
def test_it_leads_nowhere_else(himal, owner, url, back):
    assert save(owner, url, back=back)["Location"].startswith(url("overview/"))
    assert owner.post(url("views/delete/"), {"id": "zzz", "back": back})["Location"] == url("overview/")


def test_views_that_look_for_an_erased_person_are_erased(himal, owner, url):
    himal.code(himal.campaign(), "asha & co")
    save(owner, url, query="user=asha+%26+co")
    save(owner, url, name="Other", query="user=bikram")
    save(owner, url, name="Longer", query="user=asha+%26+cobra")
    save(owner, url, name="Beside", query="q=x&user=asha+%26+co")
    people.erase(himal.app, "asha & co")
    assert sorted(view.name for view in SavedView.objects.all()) == ["Longer", "Other"]


@pytest.mark.django_db(transaction=True)
def test_the_twenty_first_is_refused_however_many_ask(himal, url):
    browser = sign_in(himal.app.merchant)
    SavedView.objects.bulk_create(
        SavedView(app=himal.app, user=browser.user, page="keys/", name=str(n), query="q=1") for n in range(MOST - 1)
    )
    at_once(8, lambda place: save(browser, url, name=f"one {place}"))
    assert SavedView.objects.count() == MOST
