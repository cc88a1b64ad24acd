"""Files beside a case: what an analyst was sent, or saw, kept with the decision that rests on it.

They may hold anybody's name and face, so they are encrypted, handed out as downloads only, go a year after their case was closed, and
at once where a person of the case is erased. What is removed leaves a line in the case's history and one in the audit log.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Sum

from incenta import clock
from incenta.accounts import audit
from incenta.accounts.models import App
from incenta.database import sql
from incenta.encryption import decrypt, encrypt, seal, unseal
from incenta.errors import Conflict, Forbidden, InvalidInput, NotFound

from . import cases, file_kinds
from .file_kinds import Kind
from .models import Attachment, AttachmentContent, Case, CaseEvent
from .models.attachment import LARGEST

MOST_OF_CASE = 20
MOST_OF_APP = 1024**3
"""Bytes of all files that an app keeps: so much more may a dump of it be."""
LONGEST_NOTE = 500
KEPT_AFTER = 365
"""Days for which a file outlives its case."""
BATCH = 200
SHOWN = 120
"""Files that a case knows by name: all that it keeps, and the latest of those that are gone."""
_OURS_ALONE = "SELECT pg_advisory_xact_lock(hashtext('fraud.attachments'), hashtext(%(app)s))"
"""Who adds to an app waits for who adds to it already: so nothing passes a limit together. It goes with the transaction, behind a
pooler as well."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A file that may be kept, if there is room for it."""

    name: str
    kind: Kind
    content: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Added:
    added: tuple[Attachment, ...]
    there: tuple[Attachment, ...]
    """What was there already, byte for byte."""


def not_found() -> NotFound:
    return NotFound("file_not_found", "File not found.")


def of_case(app: App, case_id: str) -> list[Attachment]:
    """The newest first, those that are gone among them; without their bytes. One statement."""
    return list(app.fraud_attachments.filter(case=case_id).order_by("-id")[:SHOWN])


def add(app: App, case_id: str, files: Sequence[tuple[str, bytes]], *, note: str = "", actor: str) -> Added:
    """Puts files (name, bytes) beside a case, open or closed, all or none. One that is there already stays one.

    Raises ``NotFound``; ``InvalidInput``, told of each file under ``files``; ``Conflict`` ``case_files_full``, ``app_files_full``.
    """
    case = cases.get(app, case_id)
    sent, note = _sent(files), note.strip()
    if len(note) > LONGEST_NOTE:
        raise InvalidInput({"note": [f"Must not be over {LONGEST_NOTE} characters."]})
    sealed = {one.sha256: (id := Attachment._meta.pk.get_default(), *seal(one.content, id)) for one in sent}
    now = clock.now(app)
    with sql.transaction_joined():
        sql.row(_OURS_ALONE, {"app": app.pk})
        kept = {one.sha256: one for one in app.fraud_attachments.filter(case=case, removed_at=None)}
        new = [one for one in sent if one.sha256 not in kept]
        _fits(app, len(kept), new)
        added = [
            Attachment(
                id=sealed[one.sha256][0], app=app, case=case, name=one.name, content_type=one.kind.content_type,
                size=len(one.content), sha256=one.sha256, note=note, actor=actor[:120], added_at=now,
            )
            for one in new
        ]  # fmt: skip
        Attachment.objects.bulk_create(added)
        AttachmentContent.objects.bulk_create(
            AttachmentContent(attachment_id=id, app=app, sealed_key=encrypt(key), sealed=content)
            for id, key, content in (sealed[one.sha256] for one in new)
        )
        _happened("file_added", added, actor=actor)
        for one in added:
            _audit(app, "case_file.added", one, actor)
    return Added(tuple(added), tuple(kept[one.sha256] for one in sent if one.sha256 in kept))


def _sent(files: Sequence[tuple[str, bytes]]) -> list[_Sent]:
    """Each once, as what it is. Raises ``InvalidInput`` with a sentence for every one that cannot be kept."""
    wrong: list[str] = []
    found: dict[str, _Sent] = {}
    for name, content in files:
        kind = file_kinds.kind_of(content, name)
        if not content:
            wrong.append(f"{_short(name)} is empty.")
        elif len(content) > LARGEST:
            wrong.append(f"{_short(name)} is over {LARGEST // 1024 // 1024} MB.")
        elif kind is None:
            wrong.append(f"{_short(name)} is by its content none of what is kept: {KINDS}.")
        else:
            digest = hashlib.sha256(content).hexdigest()
            found.setdefault(digest, _Sent(file_kinds.named(name, kind), kind, content, digest))
    if not files:
        wrong.append("Choose a file.")
    if len(files) > MOST_OF_CASE:
        wrong = [f"A case takes {MOST_OF_CASE} files."]
    if wrong:
        raise InvalidInput({"files": wrong})
    return list(found.values())


KINDS = "PDF, PNG, JPEG, WebP, GIF, plain text or CSV in UTF-8, or an e-mail (.eml)"


def _short(name: str) -> str:
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    return shown if len(shown) <= 60 else f"{shown[:40]}…{shown[-19:]}"


def _fits(app: App, there: int, new: Sequence[_Sent]) -> None:
    """For who has the lock. Raises ``Conflict``."""
    if there + len(new) > MOST_OF_CASE:
        raise _full(
            "case_files_full", f"A case takes {MOST_OF_CASE} files, and this one has {there}. Remove one first."
        )
    if not new:
        return
    more = sum(len(one.content) for one in new)
    taken = app.fraud_attachments.filter(removed_at=None).aggregate(sum=Sum("size"))["sum"] or 0
    if taken + more > MOST_OF_APP:
        most = file_kinds.in_words(MOST_OF_APP)
        raise _full("app_files_full", f"The files of all cases come to {most}, which is the most. Remove some first.")


def _full(code: str, sentence: str) -> Conflict:
    return Conflict(code, sentence, details={"files": [sentence]})


def opened(app: App, case_id: str, attachment_id: str, *, actor: str) -> tuple[Attachment, bytes]:
    """A file and its bytes, once the audit log says who has them. Raises ``NotFound``."""
    kept = (
        AttachmentContent.objects.select_related("attachment")
        .filter(app=app, pk=attachment_id, attachment__case=case_id, attachment__removed_at=None)
        .first()
    )
    if kept is None:
        raise not_found()
    content = unseal(decrypt(kept.sealed_key), bytes(kept.sealed), attachment_id)
    _audit(app, "case_file.downloaded", kept.attachment, actor)
    return kept.attachment, content


def remove(app: App, case_id: str, attachment_id: str, *, actor: str, may_any: bool = False) -> Attachment:
    """Takes a file away for good. Raises ``NotFound``; ``Forbidden`` for who did not add it, unless he ``may_any``."""
    with sql.transaction_joined():
        found = (
            app.fraud_attachments.select_for_update().filter(pk=attachment_id, case=case_id, removed_at=None).first()
        )
        if found is None:
            raise not_found()
        if found.actor != actor and not may_any:
            raise Forbidden("not_your_file", "Whoever attached this file may remove it, and so may owners and admins.")
        _take_away(app, [found], "file_removed", actor)
        _audit(app, "case_file.removed", found, actor)
    return found


def forget(app: App) -> int:
    """Takes away, with their names, the files of cases that have been closed for ``KEPT_AFTER`` days, and the names of those that
    somebody removed before. Answers how many files."""
    before = clock.now(app) - timedelta(days=KEPT_AFTER)
    removed = app.fraud_attachments.filter(removed_at__lt=before, case__closed_at__lt=before).exclude(name="")
    removed.update(name="", note="", sha256="")
    old = app.fraud_attachments.filter(removed_at=None, added_at__lt=before, case__closed_at__lt=before)
    gone = 0
    while True:
        with sql.transaction_joined():
            some = list(old.select_for_update(of=("self",), skip_locked=True).order_by("added_at")[:BATCH])
            _take_away(app, some, "file_forgotten", "system", is_forgotten=True)
        gone += len(some)
        if len(some) < BATCH:
            return gone


def erase(app: App, case_ids: Iterable[str]) -> None:
    """Takes away every file of these cases, for nobody takes one name off a scan. In the caller's transaction, which who adds one
    just now comes before or waits for."""
    if not (case_ids := list(case_ids)):
        return
    sql.row(_OURS_ALONE, {"app": app.pk})
    files = app.fraud_attachments.select_for_update().filter(case__in=case_ids, removed_at=None)
    _take_away(app, list(files.order_by("id")), "file_forgotten", "erasure", is_forgotten=True)


def _take_away(app: App, files: Sequence[Attachment], kind: str, by: str, *, is_forgotten: bool = False) -> None:
    now = clock.now(app)
    AttachmentContent.objects.filter(app=app, pk__in=[one.pk for one in files]).delete()
    for one in files:
        one.removed_at, one.removed_by = now, by[:120]
        if is_forgotten:
            one.name = one.note = one.sha256 = ""
    Attachment.objects.bulk_update(files, ["removed_at", "removed_by", "name", "note", "sha256"])
    _happened(kind, files, actor=by)


def _happened(kind: str, files: Sequence[Attachment], *, actor: str) -> None:
    CaseEvent.objects.bulk_create(
        cases.happened(
            Case(pk=one.case_id, app_id=one.app_id), kind, actor=actor, at=one.removed_at or one.added_at,
            fileId=one.pk, contentType=one.content_type, size=one.size,
        )
        for one in files
    )  # fmt: skip


def _audit(app: App, type: str, file: Attachment, actor: str) -> None:
    about = {"file": file.pk, "contentType": file.content_type, "size": file.size}
    audit.note(type, actor, app=app, subject=file.case_id, **about)
