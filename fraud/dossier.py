"""Everything an analyst needs of one case, gathered in a bounded number of statements whatever its size."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from incenta.accounts.models import App

from . import attachments, linked, subjects
from .linked import MOST_FLAGS
from .models import Attachment, Case, CaseEvent, Decision, Flag, KeyKind, Score
from .subjects import Description, Subject
from .weights import may_be_muted

MOST_HISTORY = 100

SHOWN = (
    ("ip", "Network address", KeyKind.IP),
    ("country", "Country", None),
    ("deviceId", "Device", KeyKind.DEVICE),
    ("userAgent", "Browser", None),
    ("email", "E-mail", KeyKind.EMAIL),
    ("phone", "Phone", KeyKind.PHONE),
    ("paymentFingerprint", "Means of payment", KeyKind.PAYMENT),
)
"""What a sighting shows, how it is called, and the kind of key that tells whether two are equal."""


@dataclass(slots=True)
class Told:
    """One reason as the case tells it: of all its subjects the strongest of a signal, and how many it speaks of."""

    code: str
    family: str
    points: int
    message: str
    evidence: dict
    silenced: str = ""
    times: int = 1


@dataclass(slots=True)
class Compared:
    """One line of the side-by-side view."""

    label: str
    left: str
    right: str
    is_same: bool


@dataclass(slots=True)
class Moment:
    """One line of what happened."""

    at: datetime
    title: str
    by: str = ""
    note: str = ""


@dataclass(slots=True)
class Dossier:
    case: Case
    flags: list[Flag]
    about: dict[Subject, Description]
    main: Description | None
    """The subject with the highest score."""
    reasons: list[Told]
    lowered: list[Told]
    """What takes points away, or was silenced."""
    coverage: list[str]
    flip: dict | None
    rule_version: int
    compared: list[Compared]
    ring: linked.Ring
    moments: list[Moment]
    decisions: list[Decision]
    files: list[Attachment]
    """Those that are kept."""

    @property
    def mutable(self) -> list[str]:
        """The signals that spoke and may be told to be silent."""
        return [told.code for told in self.reasons if may_be_muted(told.code)]

    @property
    def open_beside(self) -> int:
        """Open cases of linked accounts, beside this one."""
        return len(set(self.ring.open_cases()) - {self.case.pk})


def gather(app: App, case: Case) -> Dossier:
    """The case as its page shows it."""
    flags = list(app.fraud_flags.filter(case=case).order_by("-points", "id")[:MOST_FLAGS])
    about = subjects.describe(app, {(flag.subject_type, flag.subject_id) for flag in flags})
    scores = _newest(app, [flag.subject_id for flag in flags])
    strongest = max(scores.values(), key=lambda score: score.score, default=None)
    main = _main(about, strongest, flags)
    told, lowered = _reasons(scores.values(), flags)
    files = attachments.of_case(app, case.pk)
    return Dossier(
        case=case,
        flags=flags,
        about=about,
        main=main,
        reasons=told,
        lowered=lowered,
        coverage=strongest.coverage if strongest else [],
        flip=strongest.flip if strongest else None,
        rule_version=strongest.rule_version if strongest else 0,
        compared=_side_by_side(app, main) if main else [],
        ring=linked.around(app, {flag.user_id for flag in flags if flag.user_id} | _others(about)),
        moments=_moments(app, case, about, scores.values(), {file.pk: file for file in files}),
        decisions=list(app.fraud_decisions.filter(case=case).select_related("user").order_by("-at", "-id")[:20]),
        files=[file for file in files if file.removed_at is None],
    )


def person_of(app: App, case: Case) -> str | None:
    """Whom the strongest flag of a case speaks of: who would gain. Two statements or three."""
    flags = list(app.fraud_flags.filter(case=case).order_by("-score", "-points", "id")[:1])
    about = subjects.describe(app, {(flag.subject_type, flag.subject_id) for flag in flags})
    return next((each.user_id for each in about.values()), None)


def _newest(app: App, ids: Iterable[str]) -> dict[str, Score]:
    found = app.fraud_scores.filter(subject_id__in=list(ids)).order_by("subject_id", "-id").distinct("subject_id")
    return {score.subject_id: score for score in found}


def _others(about: dict[Subject, Description]) -> set[str]:
    return {each.other_id for each in about.values() if each.other_id}


def _main(about: dict[Subject, Description], strongest: Score | None, flags: list[Flag]) -> Description | None:
    if strongest and (found := about.get((strongest.subject_type, strongest.subject_id))):
        return found
    return next(
        (about[flag.subject_type, flag.subject_id] for flag in flags if (flag.subject_type, flag.subject_id) in about),
        None,
    )


def _reasons(scores: Iterable[Score], flags: list[Flag]) -> tuple[list[Told], list[Told]]:
    found: dict[str, Told] = {}
    for score in scores:
        for reason in score.reasons:
            _add(found, Told(
                reason.get("code") or reason["type"], reason.get("family", ""), reason["points"], reason["message"],
                reason.get("evidence") or {}, reason.get("silenced", ""),
            ))  # fmt: skip
    for flag in flags:  # what was flagged by hand, or by a batch, has no score of its own
        if flag.signal not in found:
            _add(found, Told(flag.signal, "", flag.points, flag.message, flag.evidence, times=0))
            found[flag.signal].times += sum(1 for other in flags if other.signal == flag.signal)
    spoken = sorted((told for told in found.values() if told.points > 0), key=lambda told: -told.points)
    return spoken, [told for told in found.values() if told.points <= 0]


def _add(found: dict[str, Told], told: Told) -> None:
    known = found.get(told.code)
    if known is None:
        found[told.code] = told
    elif told.points > known.points:
        told.times = known.times + 1
        found[told.code] = told
    else:
        known.times += 1


# --- side by side ---------------------------------------------------------------------------------------------------
def _side_by_side(app: App, main: Description) -> list[Compared]:
    seen: dict[str, tuple[dict, dict[int, int]]] = {}
    for user_id in {main.user_id, main.other_id} - {None}:
        shown: dict[str, str] = {}
        keys: dict[int, int] = {}
        for sighting in app.fraud_sightings.filter(user_id=user_id).order_by("-at")[:10]:
            shown = sighting.shown | {name: value for name, value in shown.items() if value}
            keys = dict(zip(sighting.kinds, sighting.keys, strict=True)) | keys
        seen[user_id] = shown, keys
    left, right = seen.get(main.user_id or "", ({}, {})), seen.get(main.other_id or "", ({}, {}))
    lines = []
    for name, label, kind in SHOWN:
        one, other = str(left[0].get(name) or ""), str(right[0].get(name) or "")
        if not one and not other:
            continue
        if kind is not None and kind in left[1] and kind in right[1]:
            is_same = left[1][kind] == right[1][kind]
        else:
            is_same = bool(one) and one == other
        lines.append(Compared(label, one, other, is_same))
    return lines


# --- what happened --------------------------------------------------------------------------------------------------
def _moments(
    app: App,
    case: Case,
    about: dict[Subject, Description],
    scores: Iterable[Score],
    files: dict[str, Attachment],
) -> list[Moment]:
    history = CaseEvent.objects.filter(app=app, case=case).order_by("-at", "-id")[:MOST_HISTORY]
    found = [Moment(each.at, _words(each, files), each.actor, each.note) for each in history]
    found = _together(found)
    found += [Moment(each.at, each.title) for each in about.values()]
    found += [Moment(score.at, f"Scored {score.score}: {score.get_stage_display().lower()}") for score in scores]
    return sorted(found, key=lambda moment: moment.at, reverse=True)[:MOST_HISTORY]


def _together(moments: list[Moment]) -> list[Moment]:
    """Several flags of one moment are one line."""
    found: list[Moment] = []
    for moment in moments:
        last = found[-1] if found else None
        if last and moment.title.startswith(FLAGGED) and last.title.startswith(FLAGGED) and last.at == moment.at:
            last.title += moment.title.removeprefix(FLAGGED).replace(":", ",", 1)
        else:
            found.append(moment)
    return found


FLAGGED = "Flagged"
KINDS = {
    "opened": "Case opened",
    "flag_added": FLAGGED,
    "note": "Note",
    "assigned": "Assigned",
    "decided": "Decided",
    "kept": "Kept on hold",
    "undone": "Decision undone",
    "deadline": "Decided by its deadline",
    "moot": "Nothing left to decide",
    "payout_proposal": "Already paid: to be settled by hand",
    "file_added": "File attached",
    "file_removed": "File removed",
    "file_forgotten": "File removed for good, with its name",
}


def _words(event: CaseEvent, files: dict[str, Attachment]) -> str:
    title = KINDS.get(event.kind, event.kind.replace("_", " ").capitalize())
    if event.kind == "flag_added":
        return f"{title}: {event.data.get('signal', '')}"
    if event.kind == "assigned":
        return f"Assigned to {event.data.get('assignee') or 'nobody'}"
    if file := files.get(event.data.get("fileId", "")):
        return f"{title}: {file.name}" if file.name else title
    if verdict := event.data.get("verdict"):
        return f"{title}: {verdict.lower()}"
    return title
