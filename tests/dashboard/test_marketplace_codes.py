"""Codes into a listing's pool: looked at before they are added, all or none, whatever the file looks like."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incenta.accounts.models import Role
from incenta.dashboard.middleware import LARGEST_BODY
from marketplace.models import ListingCode
from tests.dashboard.conftest import body, sign_in
from tests.marketplace.stalls import earns, opens, redeems, sells

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool(himal) -> str:
    opens(himal)
    return sells(himal, "Coffee", codeSource="POOL", lowStockAt=3)


@pytest.fixture
def where(url, pool) -> str:
    return url(f"marketplace/listings/{pool}/codes/")


def upload(browser, where: str, content: str | bytes):
    content = content.encode() if isinstance(content, str) else content
    return browser.post(where, {"file": SimpleUploadedFile("codes.csv", content, "text/csv")})


def told(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def token(page: str) -> dict:
    return {"token": re.search(r'name="token" value="([^"]+)"', page).group(1)}


def test_an_upload_is_looked_at_before_it_is_added(himal, owner, url, pool, where):
    added = himal.post(f"/incentives/marketplace/listings/{pool}/codes", {"codes": ["OLD-1234567"]})
    assert added.status == 201
    page = body(
        upload(owner, where, 'Code;x\n"NEW-1234567",5\nnew-1234567,5\nOLD-1234567,5\n=cmd(),1\n\n"NEW-""765",1\n')
    )
    assert "Not codes 1" in told(page)
    assert "Line 5: =cmd()" in told(page)
    assert "Known already 2" in told(page)
    assert "NEW-1234567" not in page
    assert ListingCode.objects.count() == 1
    answer = owner.post(where, token(page), follow=True)
    assert "codes are in the pool of Coffee" in body(answer)
    assert answer.redirect_chain[0][0] == url(f"marketplace/listings/{pool}/")
    assert "added already, or is no longer kept" in body(owner.post(where, token(page), follow=True))
    assert set(ListingCode.objects.values_list("code", flat=True)) >= {"OLD-1234567", "NEW-1234567", 'NEW-"765'}


def test_a_file_of_a_spreadsheet_is_read_as_it_is_meant(owner, where):
    page = body(upload(owner, where, "\ufeffcode,value\r\n“quoted”,1\r\n AB-1 ,2\r\nab-1,3\r\n@SUM(A1),4\r\n+1,5\r\n"))
    assert "2 new codes" in told(page)
    assert "Known already 1" in told(page)
    assert "Not codes 2" in told(page)
    owner.post(where, token(page))
    assert sorted(ListingCode.objects.values_list("code", flat=True)) == ["AB-1", "“quoted”"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "The submitted file is empty."),
        ("\n\n", "Holds no code."),
        ("code\n", "Holds no code."),
        (b"\xff\xfe\x00", "Is not text in UTF-8."),
        ('"open\n', "Is not a CSV file"),
        ("\n".join(f"C-{number}" for number in range(100_002)), "At most 100000 codes at once."),
        (b"A" * (10 * 1024 * 1024 + 1), "Is over 10 MB"),
    ],
    ids=["empty", "blank", "heading", "no text", "open quote", "too many", "too large"],
)
def test_what_is_no_upload_is_said(owner, where, content, sentence):
    page = upload(owner, where, content)
    assert page.status_code == 422
    assert sentence in body(page)
    assert ListingCode.objects.count() == 0


def test_a_hundred_thousand_codes_at_once(himal, owner, url, pool, where):
    lines = "\n".join(f"{number:06}-ABCDEFGHIJKL" for number in range(100_000))
    page = body(upload(owner, where, f"code\n{lines}\n"))
    assert "100,000 new codes" in told(page)
    with CaptureQueriesContext(connection) as captured:
        assert "100,000 codes are in the pool" in body(owner.post(where, token(page), follow=True))
    assert len(captured) < 40
    assert himal.get(f"/incentives/marketplace/listings/{pool}")["codesLeft"] == 100_000
    again = body(upload(owner, where, f"code\n{lines}\n"))
    assert "Nothing new in it" in again
    assert 'name="token"' not in again


def test_two_hundred_megabytes_are_refused_before_they_are_read(owner, where):
    answer = owner.generic(
        "POST", where, b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=f"{200 * 2**20}"
    )
    assert answer.status_code == 413
    assert "A page takes up to 16 MB at once." in body(answer)
    assert "'unsafe" not in answer["Content-Security-Policy"]
    wrong = owner.generic("POST", where, b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH="many")
    assert wrong.status_code == 400
    assert ListingCode.objects.count() == 0
    assert LARGEST_BODY < 200 * 2**20


def test_typed_codes_do_too_and_anothers_upload_is_not_mine(himal, owner, where):
    waiting = token(body(owner.post(where, {"text": "AAA-111111\nBBB-222222"})))
    admin = sign_in(himal.app.merchant, Role.ADMIN)
    assert "no longer kept" in body(admin.post(where, waiting, follow=True))
    assert ListingCode.objects.count() == 0
    owner.post(where, waiting)
    assert ListingCode.objects.count() == 2


def test_codes_run_low_and_the_page_says_so(himal, owner, url, pool, where):
    page = url(f"marketplace/listings/{pool}/")
    owner.post(where, token(body(owner.post(where, {"text": "A-1\nA-2\nA-3\nA-4"}))))
    assert "Low stock" not in told(body(owner.get(page)))
    earns(himal, "asha")
    given = redeems(himal, pool)["discountCode"]
    shown = told(body(owner.get(page)))
    assert "Low stock. 3 left; you asked to be warned at 3." in shown
    assert "3 left in the pool, 1 given." in shown
    assert given not in body(owner.get(page))
    for query in ("", "?stock=low"):
        assert "low stock" in told(body(owner.get(url("marketplace/listings/" + query))))
    owner.post(where, token(body(owner.post(where, {"text": "A-5"}))))
    assert "No listing matches" in body(owner.get(url("marketplace/listings/?stock=low")))
