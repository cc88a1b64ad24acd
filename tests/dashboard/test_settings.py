"""Settings: what is set is in force and leaves a line; dangerous verbs want the name; one person's data goes out, or away."""

import json

import pytest

from incenta.accounts import app_settings, audit, people
from incenta.accounts.models import AuditEntry, Role
from incenta.database import sql
from incenta.errors import Conflict
from tests.cast import at_once
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db

SENT = {
    "organisation": "Himal Outfitters",
    "name": "Shop",
    "timezone": "Asia/Kathmandu",
    "currency": "NPR",
    "domains": "https://shop.example.com\n*.himal.example, localhost:3000\nshop.himal.example",
    "trusts_forwarded_for": "on",
}
PAGES = {"settings/": {Role.OWNER, Role.ADMIN}, "people/data/": {Role.OWNER, Role.ADMIN}}
BUTTONS = {
    "settings/": {Role.OWNER, Role.ADMIN},
    "settings/pause/": {Role.OWNER, Role.ADMIN},
    "settings/close/": {Role.OWNER},
    "people/data/export/": {Role.OWNER, Role.ADMIN},
    "people/data/erase/": {Role.OWNER, Role.ADMIN},
}


def kinds(app) -> list[str]:
    return list(AuditEntry.objects.filter(merchant=app.merchant).order_by("id").values_list("type", flat=True))


def test_what_is_set_is_in_force_and_leaves_a_line(himal, owner, url):
    assert owner.post(url("settings/"), SENT).status_code == 302
    app = himal.app
    app.refresh_from_db()
    assert (app.name, app.timezone, app.currency, app.trusts_forwarded_for) == ("Shop", "Asia/Kathmandu", "NPR", True)
    assert app.allowed_domains == [
        "https://shop.example.com",
        "*.himal.example",
        "localhost:3000",
        "shop.himal.example",
    ]
    assert type(app.merchant).objects.get(pk=app.merchant_id).name == "Himal Outfitters"
    assert kinds(app) == ["merchant.renamed", "app.changed"]
    line = AuditEntry.objects.get(type="app.changed")
    assert line.actor == f"user:{owner.user.pk}"
    assert line.data["changed"]["name"] == ["Himal Shop", "Shop"]
    page = body(owner.get(url("settings/")))
    assert "*.himal.example" in page
    assert owner.post(url("settings/"), SENT).status_code == 302
    assert len(kinds(app)) == 2, "what is the same leaves no line"


def test_the_currency_stays_once_something_has_happened(himal, owner, url):
    himal.code(himal.campaign())
    assert owner.post(url("settings/"), SENT).status_code == 302
    himal.app.refresh_from_db()
    assert (himal.app.name, himal.app.currency) == ("Shop", "USD")
    with pytest.raises(Conflict):
        app_settings.change(himal.app, {"currency": "NPR"}, by="user:1")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("domains", "not a domain!", "is no domain"),
        ("domains", "javascript:alert(1)", "is no domain"),
        ("domains", "\n".join(f"a{n}.example" for n in range(51)), "At most 50"),
        ("name", "", "required"),
        ("timezone", "Mars/Olympus", "not one of the available"),
        ("organisation", "x" * 121, "at most 120"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(himal, owner, url, field, value, told):
    answer = owner.post(url("settings/"), SENT | {field: value})
    assert answer.status_code == 422
    assert told in body(answer)
    himal.app.refresh_from_db()
    assert himal.app.name == "Himal Shop"
    assert kinds(himal.app) == []


def test_a_paused_app_refuses_calls_until_it_is_resumed(himal, owner, url):
    assert owner.post(url("settings/pause/"), {"confirm": "himal"}).status_code == 422
    assert himal.get("/campaigns").status == 200
    assert owner.post(url("settings/pause/"), {"confirm": "Himal Shop"}).status_code == 302
    assert himal.get("/campaigns").status == 403
    assert "Paused.</strong>" in body(owner.get(url("campaigns/")))
    assert owner.post(url("settings/resume/")).status_code == 302
    assert himal.get("/campaigns").status == 200
    assert kinds(himal.app) == ["app.paused", "app.resumed"]


def test_the_operators_word_is_not_undone(himal, owner, url):
    type(himal.app).objects.filter(pk=himal.app.pk).update(status="SUSPENDED")
    for verb in ("pause", "resume", "close"):
        answer = owner.post(url(f"settings/{verb}/"), {"confirm": "Himal Shop"})
        assert answer.status_code == 422, verb
    himal.app.refresh_from_db()
    assert himal.app.status == "SUSPENDED"
    assert kinds(himal.app) == []


def test_closing_ends_both_apps_and_all_keys(himal, owner, url):
    assert owner.post(url("settings/close/"), {"confirm": "Himal Shop"}).status_code == 302
    assert himal.get("/campaigns").status in (401, 403)
    himal.app.sandbox.refresh_from_db()
    assert himal.app.sandbox.status == "CLOSED"
    assert not himal.app.api_keys.filter(revoked_at=None).exists()
    assert owner.post(url("settings/resume/")).status_code == 422
    assert "Closed.</strong>" in body(owner.get(url("settings/")))


def test_a_sandbox_is_not_closed_alone(himal, owner, url):
    sandbox = himal.app.sandbox
    assert owner.post(url("settings/close/", sandbox), {"confirm": sandbox.name}).status_code == 422
    assert "settings/close/" not in body(owner.get(url("settings/", sandbox)))


def test_one_person_goes_out_as_a_file(himal, owner, url):
    himal.convert(himal.code(himal.campaign(), "asha@example.com"), "bikram")
    answer = owner.post(url("people/data/export/"), {"id": "asha@example.com"})
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"] and "asha" not in answer["Content-Disposition"]
    held = json.loads(body(answer))
    assert held["userId"] == "asha@example.com" and held["data"]
    assert owner.post(url("people/data/export/"), {"id": "nobody"}).status_code == 422
    assert kinds(himal.app) == ["person.exported"]
    assert "asha" not in str(AuditEntry.objects.get().data)


def test_one_person_is_erased_after_the_id_is_typed_twice(himal, owner, url):
    himal.convert(himal.code(himal.campaign(), "asha"), "bikram")
    assert 'value="asha"' in body(owner.get(url("people/data/?id=asha")))
    assert "people/data/?id=asha" in body(owner.get(url("people/?id=asha")))
    assert owner.post(url("people/data/erase/"), {"id": "asha", "confirm": "Asha"}).status_code == 422
    assert himal.app.referrals.filter(referrer_id="asha").exists()
    page = body(owner.post(url("people/data/erase/"), {"id": "asha", "confirm": "asha"}))
    name = himal.app.referrals.get().referrer_id
    assert name.startswith("former-member-") and name in page
    assert owner.post(url("people/data/erase/"), {"id": "asha", "confirm": "asha"}).status_code == 422
    line = AuditEntry.objects.get()
    assert line.type == "person.erased" and line.data["records"]
    assert "asha" not in str(line.data) and name not in str(line.data)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_an_erasure_that_collides_is_tried_again_and_then_refused_in_words(himal, owner, url, monkeypatch, state):
    himal.code(himal.campaign(), "asha")
    collisions = [True] * 10

    def collide(person) -> None:
        if collisions.pop():
            sql.execute(f"DO $$ BEGIN RAISE EXCEPTION 'collided' USING ERRCODE = '{state}'; END $$")

    monkeypatch.setattr(people, "_firsts", [*people._firsts, collide])
    where, asked = url("people/data/erase/"), {"id": "asha", "confirm": "asha"}
    refused = owner.post(where, asked)
    assert refused.status_code == 409 and "Nothing is erased" in body(refused)
    assert himal.app.referrals.filter(referrer_id="asha").exists() and kinds(himal.app) == []
    collisions[:] = [False, True]
    assert owner.post(where, asked).status_code == 200
    assert not himal.app.referrals.filter(referrer_id="asha").exists() and kinds(himal.app) == ["person.erased"]


@pytest.mark.parametrize("role", sorted(Role))
def test_who_may(himal, url, role):
    browser = sign_in(himal.app.merchant, role)
    for path, roles in PAGES.items():
        assert browser.get(url(path)).status_code == (200 if role in roles else 403), path
    for path, roles in BUTTONS.items():
        assert browser.post(url(path), {}).status_code == (422 if role in roles else 403), path


def test_another_merchants_settings_are_not_there(himal, rival, url):
    browser = sign_in(rival.app.merchant)
    for path in PAGES:
        assert browser.get(url(path)).status_code == 404
    for path in BUTTONS:
        assert browser.post(url(path), SENT | {"confirm": "Himal Shop"}).status_code == 404
    himal.app.refresh_from_db()
    assert (himal.app.name, himal.app.status) == ("Himal Shop", "ACTIVE")


def test_every_deed_has_words():
    assert all(words[0].isupper() for words in audit.TYPES.values())
    with pytest.raises(KeyError):
        audit.note("app.exploded", "user:1")


@pytest.mark.django_db(transaction=True)
def test_thirty_pauses_are_one(himal):
    results = at_once(30, lambda _: app_settings.pause(himal.app, by="user:1"))
    assert sum(result is None for result in results) == 1
    assert AuditEntry.objects.count() == 1
