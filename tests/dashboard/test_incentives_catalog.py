"""The catalog and its redemptions in the dashboard."""

import csv
import html
import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from incenta.accounts.models import Role
from incentives.models import ItemCode
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db

ITEM = {"name": "Coffee", "coin_cost": "10", "inventory": "", "code_source": "NONE", "published": "on"}


def exported(browser, url, path: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(body(browser.get(url(path))).lstrip("\ufeff"))))


def made(browser, url, himal, **sent) -> str:
    answer = browser.post(url("incentives/catalog/new/"), ITEM | sent)
    assert answer.status_code == 302, body(answer)
    return himal.get("/incentives/catalog")["items"][0]["id"]


@pytest.fixture
def rich(himal) -> None:
    assert (
        himal.post("/incentives/adjustments", {"userId": "asha", "coins": 100, "tokens": 10, "reason": "hello"}).status
        == 201
    )


def test_an_item_of_the_form_is_an_item_of_the_api(himal, owner, url):
    form = {
        "token_cost": "2",
        "inventory": "5",
        "max_per_user": "1",
        "code_source": "GENERATED",
        "code_prefix": "CUP",
        "description": "Hot",
    }
    ours = made(owner, url, himal, **form)
    sent = {
        "name": "Coffee",
        "coinCost": 10,
        "tokenCost": 2,
        "inventory": 5,
        "maxPerUser": 1,
        "codeSource": "GENERATED",
        "codePrefix": "CUP",
    }
    theirs = himal.post("/incentives/catalog", sent | {"description": "Hot"})["id"]
    own = ("id", "createdAt", "updatedAt")
    faces = [
        {k: v for k, v in himal.get(f"/incentives/catalog/{each}").json.items() if k not in own}
        for each in (ours, theirs)
    ]
    assert faces[0] == faces[1]


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ({"name": ""}, {"name": ""}),
        ({"coin_cost": "0"}, {"coinCost": 0}),
        ({"coin_cost": "-5"}, {"coinCost": -5}),
        ({"inventory": "many"}, {"inventory": "many"}),
        ({"max_per_user": "0"}, {"maxPerUser": 0}),
        ({"image_url": "javascript:alert(1)"}, {"imageUrl": "javascript:alert(1)"}),
        (
            {"code_source": "GENERATED", "code_prefix": "no spaces"},
            {"codeSource": "GENERATED", "codePrefix": "no spaces"},
        ),
    ],
)
def test_the_form_refuses_what_the_api_refuses(himal, owner, url, form, sent):
    refused = himal.post("/incentives/catalog", {"name": "Coffee", "coinCost": 10} | sent)
    assert refused.status == 400, refused
    page = owner.post(url("incentives/catalog/new/"), ITEM | form)
    assert page.status_code == 422
    for told in refused["details"].values():
        for sentence in told:
            assert escape(sentence) in body(page)
    assert himal.app.catalog_items.count() == 0


def test_editing_another_field_gives_no_stock_back(himal, owner, url, rich):
    item = made(owner, url, himal, inventory="5")
    page = body(owner.get(url(f"incentives/catalog/{item}/edit/")))
    hidden = dict(re.findall(r'<input type="hidden" name="(seen|inventory_seen)" value="([^"]*)"', page))
    himal.post("/incentives/redeem", {"userId": "asha", "itemId": item})
    form = ITEM | hidden | {"inventory": "5", "name": "Good coffee"}
    assert owner.post(url(f"incentives/catalog/{item}/edit/"), form).status_code == 302
    assert himal.get(f"/incentives/catalog/{item}")["inventory"] == 4
    assert himal.get(f"/incentives/catalog/{item}")["name"] == "Good coffee"
    hidden["seen"] = re.search(
        r'name="seen" value="([^"]*)"', body(owner.get(url(f"incentives/catalog/{item}/edit/")))
    ).group(1)
    stale = owner.post(url(f"incentives/catalog/{item}/edit/"), form | hidden | {"inventory": "9"})
    assert stale.status_code == 422
    assert "Meanwhile it became 4" in body(stale)
    fresh = owner.post(
        url(f"incentives/catalog/{item}/edit/"), form | hidden | {"inventory": "9", "inventory_seen": "4"}
    )
    assert fresh.status_code == 302
    assert himal.get(f"/incentives/catalog/{item}")["inventory"] == 9


def test_the_list_shows_what_is_left_finds_and_sorts(himal, owner, url, rich):
    assert "Nothing to redeem yet" in body(owner.get(url("incentives/catalog/")))
    coffee = made(owner, url, himal, inventory="1")
    made(owner, url, himal, name="Tea", coin_cost="5", published="")
    himal.post("/incentives/redeem", {"userId": "asha", "itemId": coffee})
    rows = exported(owner, url, "incentives/catalog/?export=csv&sort=name")
    assert [(row["name"], row["inventory"]) for row in rows] == [("Coffee", "0"), ("Tea", "-1")]
    assert "Sold out" in body(owner.get(url("incentives/catalog/")))
    assert [row["name"] for row in exported(owner, url, "incentives/catalog/?export=csv&published=off")] == ["Tea"]
    assert [row["name"] for row in exported(owner, url, "incentives/catalog/?export=csv&q=cof")] == ["Coffee"]
    assert "No item matches" in body(owner.get(url("incentives/catalog/?q=zulu")))
    owner.post(url(f"incentives/catalog/{coffee}/delete/"))
    assert [row["name"] for row in exported(owner, url, "incentives/catalog/?export=csv")] == ["Tea"]


# --- codes ----------------------------------------------------------------------------------------------------------
def upload(browser, url, item: str, text: str | bytes):
    content = text.encode() if isinstance(text, str) else text
    return browser.post(
        url(f"incentives/catalog/{item}/codes/"), {"file": SimpleUploadedFile("codes.csv", content, "text/csv")}
    )


def test_an_upload_is_looked_at_before_it_is_added(himal, owner, url, rich):
    item = made(owner, url, himal, code_source="POOL")
    assert himal.patch(f"/incentives/catalog/{item}", {"codes": ["OLD-1234567"]}).status == 200
    page = body(
        upload(owner, url, item, "code,value\nNEW-1234567,5\nnew-1234567,5\nOLD-1234567,5\n=cmd(),1\n\nNEW-7654321,1\n")
    )
    told = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "2 new codes" in told
    assert "Known already 2" in told
    assert "Not codes 1" in told
    assert "Line 4: =cmd()" in told
    assert "NEW-1234567" not in page
    assert ItemCode.objects.count() == 1

    token = re.search(r'name="token" value="([^"]+)"', page).group(1)
    where = url(f"incentives/catalog/{item}/codes/")
    assert "2 codes are in the pool of Coffee" in body(owner.post(where, {"token": token}, follow=True))
    assert himal.get(f"/incentives/catalog/{item}")["codesLeft"] == 3
    assert "added already, or is no longer kept" in body(owner.post(where, {"token": token}, follow=True))
    assert himal.get(f"/incentives/catalog/{item}")["codesLeft"] == 3
    assert himal.post("/incentives/redeem", {"userId": "asha", "itemId": item})["code"].startswith(("OLD", "NEW"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "Holds no code."),
        ("\n\n", "Holds no code."),
        (b"\xff\xfe\x00", "Is not text in UTF-8."),
        ('"open\n', "Is not a CSV file"),
    ],
)
def test_what_is_no_upload_is_said(himal, owner, url, content, sentence):
    item = made(owner, url, himal, code_source="POOL")
    page = upload(owner, url, item, content)
    assert page.status_code == 422 or "The submitted file is empty." in body(page)
    assert sentence in body(page) or "The submitted file is empty." in body(page)
    assert ItemCode.objects.count() == 0


def test_typed_codes_do_too_and_anothers_upload_is_not_mine(himal, owner, url):
    item = made(owner, url, himal, code_source="POOL")
    where = url(f"incentives/catalog/{item}/codes/")
    page = body(owner.post(where, {"text": "AAA-111111\nBBB-222222"}))
    token = re.search(r'name="token" value="([^"]+)"', page).group(1)
    admin = sign_in(himal.app.merchant, Role.ADMIN)
    assert "no longer kept" in body(admin.post(where, {"token": token}, follow=True))
    assert ItemCode.objects.count() == 0
    owner.post(where, {"token": token})
    assert ItemCode.objects.count() == 2
    again = body(owner.post(where, {"text": "AAA-111111"}))
    assert "Nothing new in it" in again
    assert 'name="token"' not in again


# --- redemptions ----------------------------------------------------------------------------------------------------
@pytest.fixture
def redeemed(himal, owner, url, rich) -> str:
    item = made(owner, url, himal, inventory="5")
    return himal.post("/incentives/redeem", {"userId": "asha", "itemId": item})["redemptionId"]


def pressed(page: str, word: str) -> str:
    return next(html.unescape(each) for each in re.findall(r'action="([^"]+)"', page) if word in each)


def test_fulfilling_keeps_the_filter_and_tells_it(himal, owner, url, redeemed):
    page = body(owner.get(url("incentives/redemptions/?status=PENDING")))
    answer = owner.post(pressed(page, "/fulfil/"))
    assert answer.url == url("incentives/redemptions/?status=PENDING")
    assert "Coffee for asha is fulfilled" in body(owner.get(answer.url))
    assert exported(owner, url, "incentives/redemptions/?export=csv")[0]["status"] == "FULFILLED"
    assert exported(owner, url, "incentives/redemptions/?export=csv&status=PENDING") == []


def test_cancelling_gives_coins_and_stock_back_once(himal, owner, url, redeemed):
    item = himal.app.catalog_items.get().pk
    assert himal.get("/incentives/balances/asha")["coins"] == 90
    where = url(f"incentives/redemptions/{redeemed}/cancel/")
    assert "10 coins went back" in body(owner.post(where, follow=True))
    owner.post(where)
    assert himal.get("/incentives/balances/asha")["coins"] == 100
    assert himal.get(f"/incentives/catalog/{item}")["inventory"] == 5
    late = body(owner.post(url(f"incentives/redemptions/{redeemed}/fulfil/"), follow=True))
    assert "This redemption is cancelled" in late
    assert owner.get(where).status_code == 405


def test_redemptions_are_found_by_user_code_item_and_status(himal, owner, url, redeemed):
    with_code = made(owner, url, himal, name="Voucher", code_source="GENERATED")
    code = himal.post("/incentives/redeem", {"userId": "asha", "itemId": with_code})["code"]

    def shown(query: str) -> list[str]:
        return [row["item"] for row in exported(owner, url, f"incentives/redemptions/?export=csv&{query}")]

    assert shown("") == ["Voucher", "Coffee"]
    assert shown("q=asha") == ["Voucher", "Coffee"]
    assert shown(f"q={code.lower()}") == ["Voucher"]
    assert shown(f"q={redeemed}") == ["Coffee"]
    assert shown(f"item={with_code}") == ["Voucher"]
    assert shown("status=PENDING") == ["Coffee"]
    assert "No redemption matches" in body(owner.get(url("incentives/redemptions/?q=zulu")))
    assert "not understood" in body(owner.get(url("incentives/redemptions/?status=LOST")))
    assert code not in body(owner.get(url("incentives/redemptions/")))


def test_an_analyst_settles_and_a_developer_does_not(himal, url, redeemed):
    where = url(f"incentives/redemptions/{redeemed}/fulfil/")
    developer = sign_in(himal.app.merchant, Role.DEVELOPER)
    assert "/fulfil/" not in body(developer.get(url("incentives/redemptions/")))
    assert developer.post(where).status_code == 403
    assert himal.app.item_redemptions.get().status == "PENDING"
    assert sign_in(himal.app.merchant, Role.ANALYST).post(where).status_code == 302
    assert himal.app.item_redemptions.get().status == "FULFILLED"


@pytest.mark.parametrize("path", ["incentives/catalog/", "incentives/redemptions/"])
def test_the_lists_cost_the_same_with_many(himal, owner, url, path):
    himal.post("/incentives/adjustments", {"userId": "asha", "coins": 1_000, "reason": "hello"})
    counts = []
    for target in (2, 20):
        while himal.app.catalog_items.count() < target:
            item = made(owner, url, himal, inventory="3")
            himal.post("/incentives/redeem", {"userId": "asha", "itemId": item})
        owner.get(url(path))
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(url(path)).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12
