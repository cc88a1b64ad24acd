"""What a file is, by its bytes; and what it is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fraud import file_kinds
from fraud.file_kinds import CSV, EMAIL, JPEG, PDF, TEXT
from tests.fraud import files


@pytest.mark.parametrize("kind", sorted(files.KEPT))
def test_each_kind_is_known_whatever_it_is_called(kind):
    name, content, content_type = files.KEPT[kind]
    assert file_kinds.kind_of(content, name).content_type == content_type
    other = file_kinds.kind_of(content, "run.exe")
    assert other.content_type == {"CSV": "text/plain"}.get(
        kind, content_type
    )  # a table is text of which only the name says more


@pytest.mark.parametrize("what", sorted(files.REFUSED))
def test_what_is_none_of_them_is_told(what):
    name, content = files.REFUSED[what]
    assert file_kinds.kind_of(content, name) is None


def test_a_note_that_begins_as_a_mail_does_is_what_it_is_called():
    note = b"From: Bimal\nDate: Monday\n\nShe called.\n"
    assert file_kinds.kind_of(note, "note.txt") is TEXT
    assert file_kinds.kind_of(note, "note.csv") is CSV
    assert file_kinds.kind_of(note, "note.eml") is EMAIL
    assert file_kinds.kind_of(b"Note: none\nthing is here", "note.eml") is TEXT


@pytest.mark.parametrize(
    ("sent", "kind", "told"),
    [
        ("invoice.pdf", PDF, "invoice.pdf"),
        ("IMG_0001.JPG", JPEG, "IMG_0001.JPG"),
        ("photo.jpeg", JPEG, "photo.jpeg"),
        ("run.exe", PDF, "run.exe.pdf"),
        ("page.html", TEXT, "page.html.txt"),
        ("scan", PDF, "scan.pdf"),
        (".pdf", PDF, "pdf.pdf"),
        ("", PDF, "file.pdf"),
        ("../../etc/passwd", TEXT, "passwd.txt"),
        ("C:\\Users\\Mallory\\chat.txt", TEXT, "chat.txt"),
        ("a\r\nSet-Cookie: x.txt", TEXT, "a Set-Cookie_ x.txt"),
        ('say "hi"<b>.txt', TEXT, "say _hi__b_.txt"),
        ("gnp.\u202etxt.exe", PDF, "gnp. txt.exe.pdf"),
        ("रसिद.pdf", PDF, "रसिद.pdf"),
        ("e\u0301tat.pdf", PDF, "état.pdf"),
        ("x" * 300 + ".pdf", PDF, "x" * 146 + ".pdf"),
        ("q" + "\u0301" * 90 + "ệ.pdf", PDF, "q\u0301\u0301ệ.pdf"),  # no tower over the lines above
    ],
)
def test_a_name_is_one_line_that_fits_any_disk_and_ends_as_it_is(sent, kind, told):
    assert file_kinds.named(sent, kind) == told


@given(some.text(max_size=200), some.sampled_from(file_kinds.KINDS))
def test_any_name_can_be_told(sent, kind):
    told = file_kinds.named(sent, kind)
    assert 0 < len(told) <= file_kinds.LONGEST_NAME and told.isprintable() and told.lower().endswith(kind.endings)
    assert not set(told) & set('/\\<>:"|?*') and told == file_kinds.named(told, kind)


@given(some.binary(max_size=300), some.sampled_from(["a.pdf", "a.txt", "a.eml", "a"]))
def test_any_bytes_are_something_or_nothing(content, name):
    assert file_kinds.kind_of(content, name) in (None, *file_kinds.KINDS)


@pytest.mark.parametrize(
    ("size", "told"), [(1, "1 KB"), (2048, "2 KB"), (5 * 1024**2, "5.0 MB"), (1024**3, "1024.0 MB")]
)
def test_sizes_in_words(size, told):
    assert file_kinds.in_words(size) == told
