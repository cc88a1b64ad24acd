"""Everything an analyst needs of one case, gathered in a bounded number of statements whatever its size."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from incenta.accounts.models import App

from . import subjects
from .models import Case, CaseEvent, Decision, Flag, FlagStatus, KeyKind, KeyMark, Link, Score
from .subjects import Description, Subject
from .weights import may_be_muted

MOST_FLAGS, MOST_USERS, MOST_KEYS, MOST_HISTORY = 200, 40, 24, 100

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
class Person:
    """A user in the ring."""

    user_id: str
    outcome: str
    """``subject``, ``open``, ``approved``, ``rejected`` or ``clean``."""


@dataclass(slots=True)
class Ring:
    """Who shares which key: ``ties`` are (place of the person, place of the key)."""

    people: list[Person] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    ties: list[tuple[int, int]] = field(default_factory=list)
    hubs: list[str] = field(default_factory=list)
    """Shared keys that connect nobody: an office, a carrier."""
    is_cut: bool = False
    """There are more than are shown."""


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
    ring: Ring
    moments: list[Moment]
    decisions: list[Decision]

    @property
    def mutable(self) -> list[str]:
        """The signals that spoke and may be told to be silent."""
        return [told.code for told in self.reasons if may_be_muted(told.code)]


def gather(app: App, case: Case) -> Dossier:
    """The case as its page shows it."""
    flags = list(app.fraud_flags.filter(case=case).order_by("-points", "id")[:MOST_FLAGS])
    about = subjects.describe(app, {(flag.subject_type, flag.subject_id) for flag in flags})
    scores = _newest(app, [flag.subject_id for flag in flags])
    strongest = max(scores.values(), key=lambda score: score.score, default=None)
    main = _main(about, strongest, flags)
    told, lowered = _reasons(scores.values(), flags)
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
        ring=_ring(app, {flag.user_id for flag in flags if flag.user_id} | _others(about)),
        moments=_moments(app, case, about, scores.values()),
        decisions=list(app.fraud_decisions.filter(case=case).select_related("user").order_by("-at", "-id")[:20]),
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


# --- who shares what ------------------------------------------------------------------------------------------------
def _ring(app: App, users: set[str]) -> Ring:
    own = list(app.fraud_links.filter(user_id__in=sorted(users)[:MOST_USERS]).order_by("kind", "key")[: 4 * MOST_USERS])
    wanted = sorted({(link.kind, link.key) for link in own}, key=lambda each: (each[0] == KeyKind.IP, each))[:MOST_KEYS]
    if not wanted:
        return Ring()
    marks = KeyMark.objects.filter(app=app, key__in=[key for _, key in wanted], is_hub=True)
    hubs = {(mark.kind, mark.key): mark.hub_reason for mark in marks}
    sharing: dict[tuple[int, int], list[str]] = {}
    is_cut = False
    for kind, key in wanted:
        if (kind, key) in hubs:
            continue
        named = list(
            Link.objects.filter(app=app, kind=kind, key=key)
            .order_by("-first_seen")
            .values_list("user_id", flat=True)[: MOST_USERS + 1]
        )
        is_cut = is_cut or len(named) > MOST_USERS
        if len(named) > 1:
            sharing[kind, key] = named[:MOST_USERS]
    everybody = list(dict.fromkeys([*sorted(users), *(user for named in sharing.values() for user in named)]))
    is_cut = is_cut or len(everybody) > MOST_USERS
    everybody = [user for user in everybody[:MOST_USERS] if any(user in named for named in sharing.values())]
    outcomes = _outcomes(app, everybody)
    ring = Ring(is_cut=is_cut, hubs=[f"{KeyKind(kind).label}: {why}" for (kind, _), why in hubs.items()])
    ring.people = [Person(user, "subject" if user in users else outcomes.get(user, "clean")) for user in everybody]
    for (kind, _), named in sharing.items():
        ring.keys.append(KeyKind(kind).label)
        ring.ties += [(place, len(ring.keys) - 1) for place, user in enumerate(everybody) if user in named]
    return ring


def _outcomes(app: App, users: list[str]) -> dict[str, str]:
    worst = {FlagStatus.APPROVED: 0, FlagStatus.OPEN: 1, FlagStatus.REJECTED: 2}
    found: dict[str, str] = {}
    told = app.fraud_flags.filter(user_id__in=users).exclude(status=FlagStatus.MOOT)
    for user, status in told.values_list("user_id", "status").distinct():
        if user not in found or worst[status] > worst[found[user]]:
            found[user] = status
    return {user: status.lower() for user, status in found.items()}


# --- what happened --------------------------------------------------------------------------------------------------
def _moments(app: App, case: Case, about: dict[Subject, Description], scores: Iterable[Score]) -> list[Moment]:
    history = CaseEvent.objects.filter(app=app, case=case).order_by("-at", "-id")[:MOST_HISTORY]
    found = [Moment(each.at, _words(each), each.actor, each.note) for each in history]
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
}


def _words(event: CaseEvent) -> str:
    title = KINDS.get(event.kind, event.kind.replace("_", " ").capitalize())
    if event.kind == "flag_added":
        return f"{title}: {event.data.get('signal', '')}"
    if event.kind == "assigned":
        return f"Assigned to {event.data.get('assignee') or 'nobody'}"
    if verdict := event.data.get("verdict"):
        return f"{title}: {verdict.lower()}"
    return title
