"""Fraud review: the queue by expected loss, and beside it the case that is being decided. One key a decision."""

from zoneinfo import ZoneInfo

import django_filters
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse

from fraud import cases, deciding, dossier, precision, presence, subjects
from fraud.models import Case, CaseStatus, Flag, FlagType, Verdict
from incenta import clock
from incenta.accounts.models import App
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.lists import DeepListPage
from incenta.dashboard.pages import AppPage
from incenta.errors import DomainError, NotFound

from . import pictures
from .decisions import UNDO
from .figures import duration, figures
from .files_form import FilesForm
from .presence import left_for, strip
from .sums import lines

OPEN, KEPT, CLOSED = "open", "kept", "closed"
MOST_FOUND = 1_000
"""Cases of one person or object that a search finds."""
STATES = [(OPEN, "Open"), (KEPT, "Kept"), (CLOSED, "Decided")]


def in_queue(app: App) -> Q:
    """What waits for a decision: open cases, and kept ones whose time has come."""
    waits = Q(status=CaseStatus.OPEN) | Q(status=CaseStatus.KEPT, kept_until__lte=clock.now(app))
    return ~Q(status=CaseStatus.CLOSED) & waits  # said so that the index of the queue serves it


class CaseFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=255)
    state = django_filters.MultipleChoiceFilter(choices=STATES, method="in_state", widget=CheckboxSelectMultiple)
    type = django_filters.ChoiceFilter(choices=FlagType.choices, method="of_type", empty_label="All signals")
    min_score = django_filters.NumberFilter(field_name="score", lookup_expr="gte", min_value=0, max_value=100)
    mine = django_filters.BooleanFilter(method="of_mine")

    class Meta:
        model = Case
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        app = self.request.app
        flagged = app.fraud_flags.filter(Q(user_id=value) | Q(subject_id=value) | Q(pk=value)).order_by()
        # read first: beside an "or", a subquery would be held against every case
        return rows.filter(pk__in=[value, *flagged.values_list("case_id", flat=True).distinct()[:MOST_FOUND]])

    def in_state(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        wanted = Q()
        waits = in_queue(self.request.app)
        if OPEN in values:
            wanted |= waits
        if KEPT in values:
            wanted |= Q(~waits, status=CaseStatus.KEPT)
        if CLOSED in values:
            wanted |= Q(status=CaseStatus.CLOSED)
        return rows.filter(wanted)

    def of_type(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(pk__in=self.request.app.fraud_flags.filter(type=value).values("case_id"))

    def of_mine(self, rows: QuerySet, name: str, value: bool) -> QuerySet:
        return rows.filter(assignee=self.request.user) if value else rows


class Review(DeepListPage):
    """``?state=`` is what is open unless it says otherwise."""

    section = "fraud"
    permission = "fraud.read"
    template_name = "fraud/review.html"
    filterset_class = CaseFilter
    order_field = "expected_loss"
    export_name = "fraud-cases"
    columns = [
        ("id", lambda one: one.pk),
        ("status", lambda one: one.status),
        ("outcome", lambda one: one.outcome),
        ("score", lambda one: one.score),
        ("reason", lambda one: one.strongest.message if one.strongest else ""),
        ("userId", lambda one: one.strongest.user_id if one.strongest else None),
        ("flags", lambda one: one.flag_count),
        ("expectedLoss", lambda one: one.expected_loss),
        ("openedAtUtc", lambda one: one.opened_at),
        ("dueAtUtc", lambda one: one.due_at),
        ("closedAtUtc", lambda one: one.closed_at),
    ]

    def rows(self) -> QuerySet:
        found = self.request.app.fraud_cases.select_related("assignee")
        if self.request.GET.getlist("state"):
            return found
        return found.filter(in_queue(self.request.app))

    def decorate(self, records: list) -> list:
        """The strongest flag of each, how many there are, and whom it is about."""
        app, now = self.request.app, clock.now(self.request.app)
        flags: dict[str, list[Flag]] = {}
        for flag in app.fraud_flags.filter(case__in=[case.pk for case in records]).order_by("-points", "id")[:1_000]:
            flags.setdefault(flag.case_id, []).append(flag)
        strongest = [found[0] for found in flags.values()]
        about = subjects.describe(app, {(flag.subject_type, flag.subject_id) for flag in strongest})
        for case in records:
            found = flags.get(case.pk, [])
            case.strongest = found[0] if found else None
            case.flag_count = len(found)
            case.about = about.get((found[0].subject_type, found[0].subject_id)) if found else None
            case.due_in = duration(case.due_at - now) if case.due_at and case.due_at > now else None
        return records

    def more_context(self, page, **kwargs) -> dict:
        query = self.request.GET.copy()
        for name in ("after", "before", "export"):
            query.pop(name, None)
        return {
            "figures": figures(self.request.app),
            "may_decide": may(self.request, "fraud.decide"),
            "undo_id": self.request.session.pop(UNDO, None) if may(self.request, "fraud.decide") else None,
            "filter_query": query.urlencode(),
            "page_query": self.request.GET.urlencode(),
        }


class CasePage(Review):
    """The queue with one of its cases opened. The neighbours in the present filter are a key away."""

    template_name = "fraud/review.html"

    def more_context(self, page, case_id: str = "", **kwargs) -> dict:
        app = self.request.app
        # first: what happens while the rest is read, is told of
        seen = presence.note(app, case_id, self.request.user.pk, left=left_for(self.request))
        case = cases.get(app, case_id)
        found = dossier.gather(app, case)
        ids = [record.pk for record in page.object_list]
        at = ids.index(case_id) if case_id in ids else -1
        now = clock.now(app)
        team = app.merchant.memberships.select_related("user")
        last = next((each for each in found.decisions if each.undone_at is None), None)
        names = {f"user:{member.user_id}": member.user.get_full_name() for member in team}
        return super().more_context(page) | {
            "case": case,
            "dossier": found,
            "ring": pictures.ring(found.ring),
            "ring_summary": pictures.summary(found.ring) if found.ring.keys else "",
            "outcomes": pictures.OUTCOMES,
            "precision": precision.of(app),
            "next_id": ids[at + 1] if at + 1 < len(ids) else None,
            "previous_id": ids[at - 1] if at > 0 else None,
            "due_in": duration(case.due_at - now) if case.due_at and case.due_at > now else None,
            "is_closed": case.status == CaseStatus.CLOSED,
            "undoable": last if last and last.at + deciding.UNDO_WITHIN > now else None,
            "names": names,
            "presence": strip(self.request, case_id, seen, since=seen.state, address="", names=names),
            "files": found.files,
            "files_form": FilesForm(),
            "my_actor": actor_of(self.request),
            "may_remove_all": may(self.request, "fraud.files"),
            "today": now.astimezone(ZoneInfo(app.timezone)).date(),
        }


class Preview(AppPage):
    """What a decision would do, asked for when the case is opened: nothing is written."""

    section = "fraud"
    permission = "fraud.decide"
    template_name = "fraud/effects.html"

    def get(self, request: HttpRequest, case_id: str) -> HttpResponse:
        told = []
        for verdict, label in ((Verdict.APPROVE, "Release"), (Verdict.REJECT, "Confirm fraud")):
            try:
                outcome = deciding.decide(
                    request.app, case_id, verdict, actor=str(request.user), note="preview", preview=True
                )
                told.append((label, lines([outcome]), [effect.text for effect in outcome.effects], ""))
            except NotFound:
                raise
            except DomainError as error:
                told.append((label, [], [], error.message))
        template = f"{self.template_name}#effects" if request.htmx else ""
        return self.page({"told": told, "case_id": case_id}, template=template)
