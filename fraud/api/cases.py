"""``/v1/fraud/cases`` and ``/v1/fraud/decisions``."""

import django_filters
from rest_framework import serializers
from rest_framework.response import Response

from fraud import attachments, cases, deciding, deciding_many, faces, subjects, undoing
from fraud.models import Case, CaseStatus, Decision, Flag, Verdict
from incenta.api.fields import Moment, Text, Truth, WholeNumber
from incenta.api.lists import FilterSet, ListView, TextFilter, TruthFilter
from incenta.api.views import ApiView
from incenta.serializers import Serializer

from .flags import ScoreFilter

MOST_SHOWN = 100
"""Of a case's flags, subjects and lines of history: the newest. The rest is in ``GET /v1/fraud/flags?caseId=``."""


class CaseFilters(FilterSet):
    status = django_filters.ChoiceFilter(choices=CaseStatus.choices)
    minScore = ScoreFilter(field_name="score", lookup_expr="gte")
    maxScore = ScoreFilter(field_name="score", lookup_expr="lte")
    userId = django_filters.CharFilter(method="of_user", max_length=255, strip=False)
    isSample = TruthFilter(field_name="is_sample")
    outcome = django_filters.ChoiceFilter(
        choices=[("APPROVED", "Approved"), ("REJECTED", "Rejected"), ("MOOT", "Nothing left to decide")]
    )

    class Meta:
        model = Case
        fields: list[str] = []

    def of_user(self, queryset, name, value):
        mine = self.request.app.fraud_flags.filter(user_id=value).values("case_id")
        return queryset.filter(pk__in=mine)


class Cases(ListView):
    """What is reviewed at once: the flags of a user, of a ring, or of one subject. The newest first."""

    plural = "cases"
    filterset_class = CaseFilters
    order = ("-opened_at", "-id")

    def get_queryset(self):
        return self.request.app.fraud_cases.select_related("assignee")

    def face(self, item):
        return faces.case_face(item)


class CaseDetail(ApiView):
    """One case with its flags, what they are about, its history, its decisions, and what is known of the files beside it."""

    def get(self, request, case_id):
        app = request.app
        case = cases.get(app, case_id)
        flags = list(Flag.objects.filter(app=app, case=case).order_by("status", "-score", "-id")[:MOST_SHOWN])
        known = subjects.describe(app, cases.subjects_of(flags))
        history = list(case.history.filter(app=app).order_by("-id")[:MOST_SHOWN])
        decisions = list(case.decisions.filter(app=app).order_by("-id")[:MOST_SHOWN])
        files = [file for file in attachments.of_case(app, case_id) if file.removed_at is None]
        return Response(faces.detail_face(case, flags, known.values(), history, decisions, files))


class DecideInput(Serializer):
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    note = Text(min_length=0, max_length=1000, required=False, allow_null=True)
    version = WholeNumber(min_value=1, max_value=2**31 - 1, required=False, allow_null=True)
    until = Moment(required=False, allow_null=True)
    preview = Truth(required=False)


class DecideCase(ApiView):
    """Approves, rejects or keeps on hold all that is open in a case; ``preview`` answers what would happen."""

    serializer_class = DecideInput

    def post(self, request, case_id):
        asked = DecideInput.parse(request.data)
        outcome = deciding.decide(
            request.app,
            case_id,
            asked["verdict"],
            actor=request.api_key.pk,
            note=asked.get("note") or "",
            version=asked.get("version"),
            until=asked.get("until"),
            preview=asked.get("preview", False),
        )
        return Response(outcome.face())


class DecideManyInput(Serializer):
    """``ids``, or all open cases from ``minScore`` to ``maxScore``."""

    verdict = serializers.ChoiceField(choices=[Verdict.APPROVE, Verdict.REJECT])
    ids = serializers.ListField(child=Text(max_length=60), max_length=100, min_length=1, required=False)
    min_score = WholeNumber(min_value=0, max_value=100, required=False)
    max_score = WholeNumber(min_value=0, max_value=100, required=False)
    note = Text(min_length=0, max_length=1000, required=False, allow_null=True)
    dry_run = Truth(required=False)


class DecideCases(ApiView):
    """Decides up to a hundred cases at once, each for itself."""

    serializer_class = DecideManyInput

    def post(self, request):
        asked = DecideManyInput.parse(request.data)
        verdict, note = asked.pop("verdict"), asked.pop("note", None) or ""
        found = deciding_many.decide_many(request.app, verdict, actor=request.api_key.pk, note=note, **asked)
        return Response(found.face())


class NoteInput(Serializer):
    note = Text(max_length=1000)


class CaseNotes(ApiView):
    """``POST`` writes a note into a case's history: 201."""

    serializer_class = NoteInput

    def post(self, request, case_id):
        said = NoteInput.parse(request.data)["note"]
        written = cases.note(request.app, case_id, said, actor=request.api_key.pk)
        return Response(faces.event_face(written), status=201)


class DecisionFilters(FilterSet):
    caseId = TextFilter(field_name="case_id")
    verdict = django_filters.ChoiceFilter(choices=Verdict.choices)

    class Meta:
        model = Decision
        fields: list[str] = []


class Decisions(ListView):
    """What was decided, the newest first."""

    plural = "decisions"
    filterset_class = DecisionFilters
    order = ("-at", "-id")

    def get_queryset(self):
        return self.request.app.fraud_decisions.all()

    def face(self, item):
        return faces.decision_face(item)


class UndoDecision(ApiView):
    """Takes a decision back, for seven days. Undoing it again changes nothing."""

    def post(self, request, decision_id):
        Serializer.parse(request.data)
        outcome = undoing.undo(request.app, decision_id, actor=request.api_key.pk)
        return Response(
            {
                "success": True,
                "decision": faces.decision_face(outcome.decision),
                "case": faces.case_face(outcome.case),
                "flags": list(outcome.flags),
                "effects": [effect.face() for effect in outcome.effects],
            }
        )
