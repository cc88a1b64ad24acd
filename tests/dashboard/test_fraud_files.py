"""Files of a case at the dashboard: attached by a form, told in the case, handed out as a download alone, refused beside the field."""

import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile as Upload
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from fraud import attachments
from fraud.models import Attachment, AttachmentContent
from incenta.accounts.models import AuditEntry, Role
from incenta.dashboard.middleware import LARGEST_BODY, largest_body
from tests.dashboard.conftest import body, sign_in
from tests.fraud.files import PDF, PNG, TEXT
from tests.fraud.test_attachments import flagged

pytestmark = pytest.mark.django_db

OWNER, ADMIN, ANALYST, DEVELOPER = Role.OWNER, Role.ADMIN, Role.ANALYST, Role.DEVELOPER


@pytest.fixture
def case(himal):
    return flagged(himal)


@pytest.fixture
def at(case, url):
    """``at("files/")``: an address below the case."""
    return lambda path="", app=None: url(f"fraud/cases/{case.pk}/{path}", app)


def attach(browser, where, *files, note: str = "", **options):
    return browser.post(where, {"attach-files": list(files), "attach-note": note}, **options)


def kept() -> Attachment:
    return Attachment.objects.get(removed_at=None)


def test_files_are_attached_told_downloaded_and_removed(himal, at):
    browser = sign_in(himal.app.merchant, ANALYST)
    files = Upload("receipt & co.pdf", PDF, "text/html"), Upload("chat.txt", TEXT, "application/x-evil")
    answer = attach(browser, at("files/?state=open"), *files, note="Sent by the shop")
    assert (answer.status_code, answer.url) == (302, at("?state=open#files"))
    page = unescape(body(browser.get(at())))
    assert "2 files are attached." in page and '<a href="#files">2 files</a>' in page
    assert "receipt & co.pdf" in page and "File attached: chat.txt" in page and "Sent by the shop" in page
    assert "Other" not in page and Attachment.objects.get(name="chat.txt").sha256 in page
    pdf = Attachment.objects.get(name="receipt & co.pdf")
    assert browser.get(at(f"files/{pdf.pk}/")).status_code == 405
    answer = browser.post(at(f"files/{pdf.pk}/"))
    assert answer.content == PDF and answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="receipt & co.pdf"'
    assert answer["X-Content-Type-Options"] == "nosniff" and answer["Content-Security-Policy"].startswith("sandbox")
    assert {"private", "no-store"} <= set(answer["Cache-Control"].replace(" ", "").split(","))
    assert browser.post(at(f"files/{pdf.pk}/remove/")).url == at("#files")
    page = unescape(body(browser.get(at())))
    assert "receipt & co.pdf is removed, and its content is gone." in page
    assert "File removed: receipt & co.pdf" in page and '<a href="#files">1 file</a>' in page
    assert browser.post(at(f"files/{pdf.pk}/")).status_code == 404
    log = body(sign_in(himal.app.merchant).get(at().split("fraud/")[0] + "audit/?type=desk"))
    for deed in (
        "Attached a file to a fraud case",
        "Downloaded a file of a fraud case",
        "Removed a file from a fraud case",
    ):
        assert deed in log
    assert "receipt" not in log


def test_a_name_in_any_script_survives_the_header(himal, owner, at):
    attach(owner, at("files/"), Upload('रसिद "x"\r\nSet-Cookie: a=b.txt', TEXT))
    answer = owner.post(at(f"files/{kept().pk}/"))
    assert re.fullmatch(r"attachment; filename\*=utf-8''[\w%.\-]+\.txt", answer["Content-Disposition"])
    assert "Set-Cookie" not in answer.headers and answer["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("role", sorted({OWNER, ADMIN, ANALYST, DEVELOPER}))
def test_who_may_attach_read_and_remove(himal, at, role):
    attach(sign_in(himal.app.merchant), at("files/"), Upload("hers.pdf", PDF))
    hers = kept()
    browser = sign_in(himal.app.merchant, role) if role != OWNER else sign_in(himal.app.merchant)
    looks = role != DEVELOPER
    assert attach(browser, at("files/"), Upload("mine.png", PNG)).status_code == (302 if looks else 403)
    assert browser.post(at(f"files/{hers.pk}/")).status_code == (200 if looks else 403)
    page = body(browser.get(at()))
    assert (f"remove-{hers.pk}" in page) is (role in (OWNER, ADMIN))
    if looks:
        mine = Attachment.objects.get(name="mine.png")
        assert f"remove-{mine.pk}" in page
        assert browser.post(at(f"files/{mine.pk}/remove/")).status_code == 302
    answer = browser.post(at(f"files/{hers.pk}/remove/"))
    assert answer.status_code == (302 if role in (OWNER, ADMIN) else 403)
    if role == ANALYST:
        assert "Whoever attached this file may remove it" in unescape(body(answer))
    assert AttachmentContent.objects.filter(pk=hers.pk).exists() is (role not in (OWNER, ADMIN))


def test_another_merchant_finds_nothing(himal, rival, at, owner):
    attach(owner, at("files/"), Upload("a.pdf", PDF))
    file, theirs = kept(), sign_in(rival.app.merchant)
    for app in (himal.app, rival.app):
        assert attach(theirs, at("files/", app), Upload("b.png", PNG)).status_code == 404
        for path in (f"files/{file.pk}/", f"files/{file.pk}/remove/"):
            assert theirs.post(at(path, app)).status_code == 404
    assert (
        AttachmentContent.objects.count() == 1 and AuditEntry.objects.filter(type__startswith="case_file").count() == 1
    )


@pytest.mark.parametrize(
    ("files", "note", "told"),
    [
        ([], "", "Choose a file."),
        ([("run.pdf", b"MZ\x90\x00")], "", "run.pdf is by its content none of what is kept: PDF,"),
        ([("empty.txt", b"")], "", "empty.txt is empty."),
        ([("big.pdf", PDF + b"x" * attachments.LARGEST)], "", "big.pdf is over 5 MB."),
        ([("good.pdf", PDF), ("all.zip", b"PK\x03\x04\x00")], "", "all.zip is by its content none"),
        ([("good.pdf", PDF)], "x" * 501, "at most 500 characters"),
    ],
)
def test_what_is_refused_says_so_beside_its_field_and_writes_nothing(himal, owner, at, files, note, told):
    answer = attach(owner, at("files/"), *(Upload(name, content) for name, content in files), note=note)
    assert answer.status_code == 422
    page = unescape(body(answer))
    form = page[page.index('id="files"') :]
    assert told in form and 'aria-invalid="true"' in form and "<details" in form and " open>" in form
    assert "Why it was stopped" in page and 'name="version"' in page  # the case is still there to be decided
    assert not Attachment.objects.exists() and not AuditEntry.objects.filter(type__startswith="case_file").exists()


def test_a_full_case_says_so_beside_the_field(himal, owner, at):
    attach(owner, at("files/"), *(Upload(f"{number}.txt", str(number).encode()) for number in range(1, 21)))
    assert Attachment.objects.count() == 20
    answer = attach(owner, at("files/"), Upload("a.pdf", PDF))
    assert answer.status_code == 422 and "A case takes 20 files, and this one has 20." in body(answer)
    again = attach(owner, at("files/"), Upload("1 again.txt", b"1"), follow=True)
    assert "1.txt was there already." in body(again) and Attachment.objects.count() == 20


def test_from_what_was_refused_every_way_leads_back_to_the_case(owner, at):
    assert attach(owner, at("files/?q=mallory"), Upload("a.exe", b"MZ\x00")).status_code == 422
    answer = owner.get(
        at("files/?q=mallory")
    )  # where the page leads on who takes another theme, or goes to its address
    assert (answer.status_code, answer["Location"]) == (302, at("?q=mallory#files"))


def test_a_closed_case_takes_files_too(himal, owner, at, case):
    himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "APPROVE"})
    assert attach(owner, at("files/"), Upload("a.pdf", PDF)).status_code == 302
    assert "a.pdf" in body(owner.get(at()))


def test_a_large_body_passes_where_files_are_taken_and_only_there(himal, owner, at, case, url):
    args = [himal.app.pk, case.pk]
    assert largest_body(reverse("dashboard:attach_fraud_files", args=args)) == LARGEST_BODY
    headers = {"content_type": "multipart/form-data; boundary=x"}
    for path, most, told in (
        (at("files/"), LARGEST_BODY, "up to 16 MB"), (at("note/"), 2**20, "up to 1 MB"), (url("nowhere/"), 2**20, "up to 1 MB"),
    ):  # fmt: skip
        answer = owner.generic("POST", path, b"", CONTENT_LENGTH=str(most + 1), **headers)
        assert answer.status_code == 413 and told in body(answer)
    largest = PDF + b"x" * (attachments.LARGEST - len(PDF))
    assert (
        attach(
            owner, at("files/"), *(Upload(f"{end}.pdf", largest[:-1] + end) for end in (b"a", b"b", b"c"))
        ).status_code
        == 302
    )
    assert Attachment.objects.filter(size=attachments.LARGEST).count() == 3


def test_the_page_reads_no_bytes_and_costs_the_same_with_twenty(himal, owner, at):
    def cost() -> list[str]:
        with CaptureQueriesContext(connection) as sent:
            assert owner.get(at()).status_code == 200
        return [each["sql"] for each in sent]

    attach(owner, at("files/"), Upload("0.txt", b"zero"))
    cost()
    one = cost()
    attach(owner, at("files/"), *(Upload(f"{number}.txt", str(number).encode()) for number in range(1, 20)))
    cost()
    twenty = cost()
    assert len(twenty) == len(one) and not [sql for sql in twenty if "attachmentcontent" in sql]
