"""Files beside a case: kept once, encrypted, within their limits whoever comes at once; removed, forgotten and erased with their bytes."""

import hashlib
from datetime import timedelta
from threading import Event
from time import monotonic, sleep

import pytest
from cryptography.fernet import InvalidToken
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from fraud import attachments, forgetting
from fraud.models import Attachment, AttachmentContent, Case, CaseEvent
from incenta import encryption
from incenta.accounts.models import AuditEntry
from incenta.database import sql
from incenta.errors import Conflict, Forbidden, InvalidInput, NotFound
from tests.cast import Caller, at_once
from tests.fraud.files import KEPT, PDF, PNG, REFUSED, TEXT
from tests.referrals.moments import at

pytestmark = pytest.mark.django_db
ASHA, BIMAL = "user:1", "user:2"
WAITS = """
SELECT count(*) FROM pg_locks JOIN pg_database ON database = pg_database.oid
WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"""


def flagged(shop: Caller, name: str = "mallory") -> Case:
    campaign = shop.campaign(fraudMode="hold", rewardModel="FIXED", rewardValue=10)
    shop.convert(shop.code(campaign, name), name, 50)
    return shop.app.fraud_cases.get(key=f"user:{name}")


@pytest.fixture
def case(himal) -> Case:
    return flagged(himal)


def attach(case: Case, *files: tuple[str, bytes], actor: str = ASHA, note: str = "") -> attachments.Added:
    with transaction.atomic():
        return attachments.add(case.app, case.pk, files or [("invoice.pdf", PDF)], note=note, actor=actor)


def deeds(case: Case) -> list[str]:
    return list(
        AuditEntry.objects.filter(app=case.app_id, subject_id=case.pk).order_by("pk").values_list("type", flat=True)
    )


def lines(case: Case) -> list[str]:
    told = CaseEvent.objects.filter(case=case, kind__startswith="file_").order_by("pk")
    return list(told.values_list("kind", flat=True))


def nothing_is_there(case: Case) -> bool:
    return not (Attachment.objects.exists() or AttachmentContent.objects.exists() or lines(case) or deeds(case))


# --- what is kept ---------------------------------------------------------------------------------------------------
def test_every_kind_is_kept_as_it_was_sent(case):
    for name, content, content_type in KEPT.values():
        [file] = attach(case, (name, content)).added
        assert (file.name, file.content_type, file.size) == (name, content_type, len(content))
        assert file.sha256 == hashlib.sha256(content).hexdigest()
        assert attachments.opened(case.app, case.pk, file.pk, actor=BIMAL) == (file, content)
    assert deeds(case) == ["case_file.added", "case_file.downloaded"] * len(KEPT)
    assert lines(case) == ["file_added"] * len(KEPT)


def test_nobody_reads_them_in_the_database_or_in_another_row(case):
    secret = b"My passport is 4711-0815-secret.\n"
    [file], [other] = attach(case, ("passport.txt", secret)).added, attach(case, ("x.txt", TEXT)).added
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed, sealed_key FROM fraud_attachmentcontent WHERE attachment_id = %s", [file.pk])
        sealed, key = cursor.fetchone()
    assert b"4711" not in bytes(sealed) and "4711" not in key
    AttachmentContent.objects.filter(pk=other.pk).update(sealed=sealed, sealed_key=key)
    with pytest.raises(InvalidToken):
        attachments.opened(case.app, case.pk, other.pk, actor=ASHA)
    assert encryption.unseal(encryption.decrypt(key), bytes(sealed), file.pk) == secret


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_is_none_of_them_is_refused_with_all_that_came_along(case, what):
    name, content = REFUSED[what]
    with pytest.raises(InvalidInput) as refused:
        attach(case, ("good.pdf", PDF), (name, content))
    [sentence] = refused.value.details["files"]
    assert sentence.startswith(name) and "none of what is kept" in sentence
    assert nothing_is_there(case)


def test_limits_of_a_file_a_note_and_a_form(case):
    largest = PDF + b"x" * (attachments.LARGEST - len(PDF))
    for files, told in (
        ([("empty.txt", b"")], "empty.txt is empty."),
        ([("big.pdf", largest + b"x")], "big.pdf is over 5 MB."),
        ([], "Choose a file."),
        ([(f"{number}.txt", str(number).encode()) for number in range(21)], "A case takes 20 files."),
    ):
        with pytest.raises(InvalidInput) as refused:
            attachments.add(case.app, case.pk, files, actor=ASHA)
        assert refused.value.details == {"files": [told]}
    with pytest.raises(InvalidInput) as refused:
        attach(case, note="x" * 501)
    assert set(refused.value.details) == {"note"}
    with pytest.raises(NotFound):
        attachments.add(case.app, "case_none", [("a.pdf", PDF)], actor=ASHA)
    assert nothing_is_there(case)
    [file] = attach(case, ("big.pdf", largest)).added
    assert attachments.opened(case.app, case.pk, file.pk, actor=ASHA)[1] == largest


def test_the_same_file_is_one_on_a_case_and_another_on_another(himal, case):
    first = attach(case, ("a.pdf", PDF), ("copy of a.pdf", PDF))
    assert [file.name for file in first.added] == ["a.pdf"] and not first.there
    again = attach(case, ("b.pdf", PDF), ("c.png", PNG))
    assert [file.name for file in again.added] == ["c.png"] and [file.name for file in again.there] == ["a.pdf"]
    assert len(attach(flagged(himal, "trudy"), ("a.pdf", PDF)).added) == 1
    attachments.remove(case.app, case.pk, first.added[0].pk, actor=ASHA)
    assert len(attach(case, ("a.pdf", PDF)).added) == 1
    assert lines(case) == ["file_added", "file_added", "file_removed", "file_added"]


def test_a_case_and_an_app_are_full_one_day(himal, case, monkeypatch):
    attach(case, *((f"{number}.txt", f"note {number}".encode()) for number in range(20)))
    with pytest.raises(Conflict, match="this one has 20") as full:
        attach(case)
    assert full.value.code == "case_files_full" and set(full.value.details) == {"files"}
    assert len(attach(case, ("0.txt", b"note 0")).there) == 1  # what is there needs no room
    monkeypatch.setattr(attachments, "MOST_OF_APP", sum(file.size for file in Attachment.objects.all()) + len(PDF) - 1)
    other = flagged(himal, "trudy")
    with pytest.raises(Conflict) as full:
        attach(other)
    assert full.value.code == "app_files_full"
    assert not lines(other) and AttachmentContent.objects.count() == 20
    monkeypatch.setattr(attachments, "MOST_OF_APP", attachments.MOST_OF_APP + 1)
    assert attach(other).added


# --- at once --------------------------------------------------------------------------------------------------------
def test_thirty_at_once_keep_the_limit_of_the_case(transactional_db, himal):
    case = flagged(himal)

    def act(number: int) -> bool:
        try:
            return bool(attach(case, (f"{number}.txt", f"note {number}".encode())).added)
        except Conflict as full:
            assert full.code == "case_files_full"
            return False

    done = at_once(30, act)
    assert sorted(done) == [False] * 10 + [True] * 20
    assert Attachment.objects.count() == AttachmentContent.objects.count() == len(lines(case)) == len(deeds(case)) == 20


def test_the_same_file_ten_times_at_once_is_one_and_the_sum_holds_over_cases(transactional_db, himal, monkeypatch):
    cases = [flagged(himal, name) for name in ("mallory", "trudy", "oscar")]
    done = at_once(8, lambda number: attach(cases[0], (f"{number}.pdf", PDF)))
    assert sum(len(each.added) for each in done) == 1 and sum(len(each.there) for each in done) == 7
    assert lines(cases[0]) == deeds_of(cases[0]) == ["file_added"]
    monkeypatch.setattr(attachments, "MOST_OF_APP", len(PDF) + 3 * 10)

    def act(number: int) -> bool:
        try:
            return bool(attach(cases[number % 3], (f"{number}.txt", f"{number:010}".encode())).added)
        except Conflict as full:
            assert full.code == "app_files_full"
            return False

    assert sorted(at_once(9, act)) == [False] * 6 + [True] * 3
    assert sum(file.size for file in Attachment.objects.all()) == attachments.MOST_OF_APP


def deeds_of(case: Case) -> list[str]:
    return [type.replace("case_file.", "file_") for type in deeds(case)]


def test_removed_and_downloaded_at_once_is_either_whole_or_absent(transactional_db, himal):
    case = flagged(himal)
    [file] = attach(case).added

    def act(number: int) -> bytes | str:
        try:
            if number % 2:
                return attachments.opened(case.app, case.pk, file.pk, actor=BIMAL)[1]
            return attachments.remove(case.app, case.pk, file.pk, actor=ASHA).pk
        except NotFound:
            return ""

    done = at_once(8, act)
    assert done.count(file.pk) == 1 and set(done) <= {PDF, file.pk, ""}
    assert deeds(case).count("case_file.removed") == 1 and lines(case) == ["file_added", "file_removed"]
    assert deeds(case).count("case_file.downloaded") == done.count(PDF)


# --- gone -----------------------------------------------------------------------------------------------------------
def test_who_added_it_removes_it_or_who_may_any(case):
    [mine], [his] = attach(case, actor=ASHA).added, attach(case, ("b.png", PNG), actor=BIMAL).added
    with pytest.raises(Forbidden, match="Whoever attached"), transaction.atomic():
        attachments.remove(case.app, case.pk, his.pk, actor=ASHA)
    assert attachments.opened(case.app, case.pk, his.pk, actor=ASHA)[1] == PNG
    attachments.remove(case.app, case.pk, mine.pk, actor=ASHA)
    attachments.remove(case.app, case.pk, his.pk, actor=ASHA, may_any=True)
    assert not AttachmentContent.objects.exists()
    for verb in (attachments.remove, attachments.opened):
        with pytest.raises(NotFound), transaction.atomic():
            verb(case.app, case.pk, mine.pk, actor=ASHA)
    assert [(file.name, file.removed_by) for file in Attachment.objects.order_by("pk")] == [
        ("invoice.pdf", ASHA), ("b.png", ASHA),
    ]  # fmt: skip


def test_anothers_file_is_not_there(himal, rival, case):
    [file] = attach(case).added
    theirs = flagged(rival)
    for app, case_id in (
        (rival.app, case.pk),
        (rival.app, theirs.pk),
        (himal.app, theirs.pk),
        (himal.app, flagged(himal, "x").pk),
    ):
        with pytest.raises(NotFound), transaction.atomic():
            attachments.opened(app, case_id, file.pk, actor=ASHA)
        with pytest.raises(NotFound), transaction.atomic():
            attachments.remove(app, case_id, file.pk, actor=ASHA, may_any=True)
    with pytest.raises(NotFound):
        attachments.add(rival.app, case.pk, [("a.pdf", PDF)], actor=ASHA)
    assert AttachmentContent.objects.count() == 1 and deeds(case) == ["case_file.added"]


def test_a_year_after_its_case_was_closed_a_file_is_forgotten(himal, monkeypatch):
    monkeypatch.setattr(attachments, "BATCH", 2)
    closed, open_ = flagged(himal), flagged(himal, "trudy")
    attach(closed, *((f"{number}.txt", str(number).encode()) for number in range(3)), note="Mallory's own words")
    attach(open_)
    himal.post(f"/fraud/cases/{closed.pk}/decide", {"verdict": "APPROVE"})
    long_ago = Case.objects.get(pk=closed.pk).closed_at - timedelta(days=366)
    Attachment.objects.update(added_at=long_ago)
    assert forgetting.forget(himal.app) == 0
    Case.objects.filter(pk=closed.pk).update(closed_at=long_ago)
    attach(closed, ("new.txt", b"only just added"))
    assert forgetting.forget(himal.app) == 3 and forgetting.forget(himal.app) == 0
    left = [file.name for file in Attachment.objects.filter(removed_at=None).order_by("pk")]
    assert left == ["invoice.pdf", "new.txt"] and AttachmentContent.objects.count() == 2
    gone = Attachment.objects.exclude(removed_at=None)
    assert set(gone.values_list("name", "note", "sha256", "removed_by")) == {("", "", "", "system")}
    assert lines(closed).count("file_forgotten") == 3


def test_of_what_was_removed_the_name_goes_a_year_after_the_case_as_well(himal, case):
    [file] = attach(case, ("passport of mallory.pdf", PDF), note="mallory sent it").added
    attachments.remove(case.app, case.pk, file.pk, actor=ASHA)
    himal.post(f"/fraud/cases/{case.pk}/decide", {"verdict": "APPROVE"})
    long_ago = Case.objects.get(pk=case.pk).closed_at - timedelta(days=366)
    Case.objects.filter(pk=case.pk).update(closed_at=long_ago)
    assert forgetting.forget(himal.app) == 0 and Attachment.objects.get().name  # removed only just now
    Attachment.objects.update(removed_at=long_ago)
    assert forgetting.forget(himal.app) == 0
    assert Attachment.objects.values_list("name", "note", "sha256", "removed_by").get() == ("", "", "", ASHA)


def test_a_file_that_is_on_its_way_goes_with_who_is_erased(transactional_db, himal):
    case = flagged(himal)
    is_there, out = Event(), []

    def act(number: int) -> None:
        if number:
            is_there.wait(30)
            out.append(himal.delete("/users/mallory").status)
            return
        with transaction.atomic():
            attach(case, ("mallory 1.pdf", PDF), ("mallory 2.png", PNG))
            is_there.set()
            deadline = monotonic() + 20
            while not out and not sql.row(WAITS)[0]:
                assert monotonic() < deadline, "nobody waits"
                sleep(0.005)

    at_once(2, act)
    assert out == [200] and not AttachmentContent.objects.exists()
    assert set(Attachment.objects.values_list("name", "removed_by")) == {("", "erasure")}


def test_a_person_is_told_of_the_files_and_erased_with_them(himal, case):
    attach(case, ("passport of mallory.pdf", PDF), note="mallory sent it")
    attachments.remove(case.app, case.pk, attach(case, ("mallory 2.png", PNG)).added[0].pk, actor=ASHA)
    other = flagged(himal, "trudy")
    attach(other)
    told = himal.get("/users/mallory/export")["data"]["fraudFiles"]
    assert [(file["name"], file["size"]) for file in told] == [
        ("passport of mallory.pdf", len(PDF)),
        ("mallory 2.png", len(PNG)),
    ]
    assert not {"sealed", "sealedKey"} & set(told[0])

    erased = himal.delete("/users/mallory")
    assert erased.status == 200 and erased["records"]["fraudFiles"] == 2
    assert AttachmentContent.objects.get().attachment.case_id == other.pk
    for file in Attachment.objects.filter(case=case):
        assert (file.name, file.note, file.sha256) == ("", "", "") and file.removed_at
    assert lines(case)[-1] == "file_forgotten" and len(deeds(case)) == 3


def test_by_the_clock_of_the_app(himal, sandbox):
    at(sandbox, "2026-03-05T10:00:00Z")
    case = flagged(sandbox)
    [file] = attach(case).added
    assert file.added_at.isoformat() == "2026-03-05T10:00:00+00:00"


def test_a_key_that_changes_reads_them_on(case, settings):
    from django.core.management import call_command

    [file] = attach(case).added
    settings.SECRET_KEY_FALLBACKS, settings.FRAUD_SECRET = [settings.SECRET_KEY], settings.SECRET_KEY
    settings.SECRET_KEY = "another-key-that-somebody-made-0123456789-abcdefghijklmnop"
    assert attachments.opened(case.app, case.pk, file.pk, actor=ASHA)[1] == PDF
    before = bytes(AttachmentContent.objects.get().sealed)
    call_command("reencrypt", verbosity=0)
    settings.SECRET_KEY_FALLBACKS = []
    assert attachments.opened(case.app, case.pk, file.pk, actor=ASHA)[1] == PDF
    assert bytes(AttachmentContent.objects.get().sealed) == before  # only its key was encrypted anew


# --- what is told, and what it costs ----------------------------------------------------------------------------------
def test_the_api_tells_what_they_are_and_never_what_they_hold(himal, rival, case):
    attach(case, ("chat.txt", TEXT), note="From the shop")
    attachments.remove(case.app, case.pk, attach(case).added[0].pk, actor=ASHA)
    [file] = himal.get(f"/fraud/cases/{case.pk}")["attachments"]
    assert file == {
        "id": Attachment.objects.get(removed_at=None).pk,
        "name": "chat.txt",
        "contentType": "text/plain",
        "size": len(TEXT),
        "sha256": hashlib.sha256(TEXT).hexdigest(),
        "note": "From the shop",
        "uploadedBy": ASHA,
        "at": file["at"],
    }
    assert [line["kind"] for line in himal.get(f"/fraud/cases/{case.pk}")["history"]][:3] == [
        "file_removed", "file_added", "file_added",
    ]  # fmt: skip
    assert rival.get(f"/fraud/cases/{case.pk}").status == 404


def test_no_list_reads_the_bytes_and_twenty_cost_as_one(himal, case):
    attach(case, ("0.txt", b"0"))

    def cost() -> list[str]:
        with CaptureQueriesContext(connection) as sent:
            assert himal.get(f"/fraud/cases/{case.pk}").status == 200
        # metering's lease may be taken anew within any call
        return [query["sql"] for query in sent if "api_allotment" not in query["sql"]]

    cost()
    one = cost()
    attach(case, *((f"{number}.txt", str(number).encode()) for number in range(1, 20)))
    twenty = cost()
    assert len(twenty) == len(one) and not [sql for sql in twenty if "attachmentcontent" in sql]
    with CaptureQueriesContext(connection) as sent:
        attachments.add(case.app, case.pk, [("0.txt", b"0")], actor=ASHA)
    assert len(sent) <= 8
