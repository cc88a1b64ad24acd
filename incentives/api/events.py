"""``/v1/incentives/events`` and ``…/bulk``."""

import django_filters
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from fraud.api import end_user
from fraud.models import Subject
from fraud.writing import Seen, see_all
from incenta import clock
from incenta.api.errors import as_domain_error
from incenta.api.fields import Context, Metadata, Moment, Text, UserId
from incenta.api.lists import FilterSet, ListView, MomentFilter, TextFilter
from incenta.api.views import ApiView
from incenta.errors import DomainError, InvalidInput
from incenta.serializers import Serializer
from incentives import engine, event_risk, fastpath
from incentives.models import Activity

MOST_AT_ONCE = 1_000


class EventInput(Serializer):
    user_id = UserId()
    action_key = Text(max_length=80)
    idempotency_key = Text(max_length=255, required=False, allow_null=True)
    occurred_at = Moment(required=False, allow_null=True)
    metadata = Metadata(required=False, allow_null=True)
    context = Context(required=False, allow_null=True)

    @classmethod
    def told(cls, data: object) -> tuple[engine.Doing, dict | None]:
        """What was done, and what the merchant saw of the user."""
        sent = cls.parse(data)
        doing = engine.Doing(
            user_id=sent["user_id"],
            action_key=sent["action_key"],
            idempotency_key=sent.get("idempotency_key"),
            occurred_at=sent.get("occurred_at"),
            metadata=sent.get("metadata") or {},
        )
        return doing, sent.get("context")


class BulkInput(Serializer):
    events = serializers.ListField(child=EventInput(), min_length=1, max_length=MOST_AT_ONCE)


class EventFilters(FilterSet):
    userId = TextFilter(field_name="user_id")
    actionKey = TextFilter(field_name="action_key")
    to = MomentFilter(field_name="occurred_at", lookup_expr="lt")
    notAwarded = django_filters.ChoiceFilter(
        field_name="not_awarded",
        choices=[(code, code) for code in ("cooldown", "max_repeats", "max_per_day", "fraud_hold")],
    )

    class Meta:
        model = Activity
        fields: list[str] = []


EventFilters.base_filters["from"] = MomentFilter(field_name="occurred_at", lookup_expr="gte")


class Events(ListView):
    """``GET`` lists; ``POST`` records one: 201, or 200 where its key was used before."""

    plural = "events"
    filterset_class = EventFilters
    serializer_class = EventInput

    def get_queryset(self):
        return self.request.app.activities.all()

    def faces(self, items):
        scores = event_risk.scores(self.request.app, items)
        return [self.face(item) | {"riskScore": scores.get(item.pk)} for item in items]

    def face(self, item):
        shown = engine.face(
            item.pk, item.user_id, item.action_key, item.xp, item.coins, item.tokens, item.not_awarded, item.retry_at, item.outcome
        )  # fmt: skip
        return shown | {
            "idempotencyKey": item.idempotency_key,
            "metadata": item.metadata,
            "ruleVersion": item.rule_version,
            "occurredAt": clock.iso(item.occurred_at),
            "reversedAt": clock.iso(item.reversed_at),
        }

    def post(self, request):
        doing, context = EventInput.told(request.data)
        answer = fastpath.record(request.app, doing, actor=request.api_key.pk)
        if context:
            _see(request, [(answer, doing, context)])
        return Response(answer, status=200 if answer["idempotentReplay"] else 201)


class BulkEvents(ApiView):
    """Up to a thousand events; each stands alone, and each answer says what it would have said alone."""

    serializer_class = BulkInput

    def post(self, request):
        sent = request.data.get("events")
        if set(request.data) != {"events"} or not isinstance(sent, list) or not 1 <= len(sent) <= MOST_AT_ONCE:
            raise InvalidInput({"events": [f"Must be a list of 1 to {MOST_AT_ONCE} events, and all there is."]})
        results: list[dict] = [{}] * len(sent)
        doings: list[tuple[int, engine.Doing]] = []
        contexts: dict[int, dict] = {}
        for index, each in enumerate(sent):
            try:
                doing, context = EventInput.told(each)
                doings.append((index, doing))
                if context:
                    contexts[index] = context
            except (DomainError, ValidationError) as refusal:
                results[index] = _failed(index, as_domain_error(refusal))
        if doings:
            answers = engine.record(request.app, [doing for _, doing in doings], actor=request.api_key.pk)
            told = [
                (answer, doing, contexts[index])
                for (index, doing), answer in zip(doings, answers, strict=True)
                if index in contexts and isinstance(answer, dict)
            ]
            if told:
                _see(request, told)
            for (index, _), answer in zip(doings, answers, strict=True):
                results[index] = (
                    _failed(index, answer)
                    if isinstance(answer, DomainError)
                    else {"index": index, "status": 200 if answer["idempotentReplay"] else 201, **answer}
                )
        counts = {status: sum(result["status"] == status for result in results) for status in (200, 201)}
        failed = len(results) - sum(counts.values())
        return Response({"results": results, "recorded": counts[201], "replayed": counts[200], "failed": failed})


def _see(request, told: list[tuple[dict, engine.Doing, dict]]) -> None:
    """Keeps what was seen of the users, for whoever shares devices with whom; a replay was seen at first."""
    now = clock.now(request.app)
    calls = [
        Seen(
            Subject.EVENT,
            answer["eventId"],
            doing.user_id,
            end_user.seen(request, context),
            doing.occurred_at or now,
        )
        for answer, doing, context in told
        if not answer["idempotentReplay"]
    ]
    see_all(request.app, calls)


def _failed(index: int, refusal: DomainError) -> dict:
    return {
        "index": index,
        "status": refusal.status,
        "error": refusal.message,
        "code": refusal.code,
        "details": refusal.details,
    }
