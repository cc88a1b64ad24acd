"""``/v1/fraud/rule-sets``, ``/signals``, ``/backtests`` and ``/settings``."""

import django_filters
from rest_framework import serializers
from rest_framework.response import Response

from fraud import backtesting, book, precision, rule_sets, settings, shadow
from fraud.models import Backtest, RuleSet, RuleSetState
from fraud.weights import built_in, signals
from incenta.api.fields import Moment, Text, Truth, WholeNumber
from incenta.api.lists import FilterSet, ListView, TextFilter, check_parameters
from incenta.api.views import ApiView
from incenta.errors import InvalidInput
from incenta.serializers import Serializer


class Rules(serializers.Field):
    """``{"signals": {"DEVICE_SHARED": {"on": true, "points": 40}}, "caps": {"NETWORK": 20}}``; what it does not name is built in."""

    def to_internal_value(self, data: object) -> dict:
        try:
            return rule_sets.checked(data)
        except InvalidInput as error:
            told = {name.removeprefix("rules."): said for name, said in error.details.items()}
            raise serializers.ValidationError(told.get("rules") or told) from None

    def to_representation(self, value):
        return value

    def json_schema(self) -> dict:
        score = {"type": "integer", "minimum": 0, "maximum": 100}
        word = {
            "type": "object",
            "properties": {"on": {"type": "boolean"}, "points": score},
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": {
                "signals": {"type": "object", "additionalProperties": word},
                "caps": {"type": "object", "additionalProperties": score},
            },
            "additionalProperties": False,
        }


class RuleSetInput(Serializer):
    rules = Rules()
    campaign_id = Text(max_length=40, required=False, allow_null=True)
    name = Text(min_length=0, max_length=120, required=False)
    note = Text(min_length=0, max_length=500, required=False)


class RuleSetFilters(FilterSet):
    state = django_filters.ChoiceFilter(choices=RuleSetState.choices)
    campaignId = TextFilter(field_name="campaign_id")

    class Meta:
        model = RuleSet
        fields: list[str] = []


class FraudRuleSets(ListView):
    """The versions of an app's rules, newest first. One never changes: a better one is a new draft."""

    plural = "ruleSets"
    filterset_class = RuleSetFilters
    serializer_class = RuleSetInput
    order = ("-version",)

    def get_queryset(self):
        return self.request.app.fraud_rule_sets.all()

    def face(self, item):
        return rule_sets.face(item)

    def post(self, request):
        values = RuleSetInput.parse(request.data)
        values["campaign_id"] = values.get("campaign_id") or ""
        made = rule_sets.create(request.app, **values, author=request.api_key.created_by, actor=request.api_key.pk)
        return Response(rule_sets.face(made), status=201)


class FraudRuleSet(ApiView):
    """One version; in shadow, with what it would have done."""

    def get(self, request, rule_set_id):
        found = rule_sets.get(request.app, rule_set_id)
        return Response(rule_sets.face(found) | {"shadow": shadow.view(request.app, found)})


class ShadowRuleSet(ApiView):
    """Has it judge beside the rules in force, and do nothing."""

    def post(self, request, rule_set_id):
        NoInput.parse(request.data)
        return Response(rule_sets.face(rule_sets.shadow(request.app, rule_set_id, actor=request.api_key.pk)))


class NoInput(Serializer):
    """Nothing."""


class ActivateInput(Serializer):
    """``replaces``: the version that is in force as far as you know, 0 for the built-in one: then nobody's change is overrun."""

    replaces = WholeNumber(min_value=0, max_value=2**31 - 1, required=False)


class ActivateRuleSet(ApiView):
    serializer_class = ActivateInput

    def post(self, request, rule_set_id):
        said = ActivateInput.parse(request.data)
        return Response(rule_sets.face(rule_sets.activate(request.app, rule_set_id, actor=request.api_key.pk, **said)))


class RetireRuleSet(ApiView):
    def post(self, request, rule_set_id):
        NoInput.parse(request.data)
        return Response(rule_sets.face(rule_sets.retire(request.app, rule_set_id, actor=request.api_key.pk)))


class RollBackInput(ActivateInput):
    """``version``: one that was in force before; 0 for the built-in rules, of a campaign for the app's."""

    version = WholeNumber(min_value=0, max_value=2**31 - 1)
    campaign_id = Text(max_length=40, required=False, allow_null=True)


class RollBackRules(ApiView):
    serializer_class = RollBackInput

    def post(self, request):
        values = RollBackInput.parse(request.data)
        values["campaign_id"] = values.get("campaign_id") or ""
        found = rule_sets.roll_back(request.app, values.pop("version"), actor=request.api_key.pk, **values)
        return Response({"active": rule_sets.face(found) if found else None})


class Signals(ApiView):
    """Every signal: what it means, what it counts now, and how often it was right here."""

    def get(self, request):
        check_parameters(request, set())
        return Response({"signals": signal_faces(request.app)})


def signal_faces(app, campaign_id: str = "") -> list[dict]:
    """Every signal with its points in force and its record, by family and code. Three statements at most."""
    weights, records, proposed = book.current(app).weights(campaign_id), precision.of(app), precision.proposals(app)
    to_mute = {record.signal for record in proposed}
    return [
        {
            "code": signal.code,
            "type": signal.type,
            "family": signal.family,
            "stage": signal.stage,
            "describe": signal.describe,
            "on": bool(weights.of(code)),
            "points": weights.of(code) or 0,
            "builtInPoints": built_in().points.get(code, 0),
            "precision": records.get(code, precision.Precision(code)).face(),
            "proposedToMute": code in to_mute,
        }
        for code, signal in sorted(signals().items(), key=lambda found: (found[1].family, found[0]))
    ]


class BacktestInput(Serializer):
    """``{ruleSetId, days}`` or ``{ruleSetId, since, until}``; the last 30 days where neither is said."""

    rule_set_id = Text(max_length=40)
    days = WholeNumber(min_value=1, max_value=366, required=False)
    since = Moment(required=False)
    until = Moment(required=False)


class BacktestFilters(FilterSet):
    ruleSetId = TextFilter(field_name="rule_set_id")

    class Meta:
        model = Backtest
        fields: list[str] = []


class FraudBacktests(ListView):
    """Drafts tried on the past. They run in the background: ask again for how far one has come."""

    plural = "backtests"
    filterset_class = BacktestFilters
    serializer_class = BacktestInput
    order = ("-created_at", "-id")

    def get_queryset(self):
        return self.request.app.fraud_backtests.all()

    def face(self, item):
        return backtesting.face(item)

    def post(self, request):
        values = BacktestInput.parse(request.data)
        made = backtesting.begin(request.app, values.pop("rule_set_id"), actor=request.api_key.pk, **values)
        return Response(backtesting.face(made), status=201)


class FraudBacktest(ApiView):
    def get(self, request, backtest_id):
        return Response(backtesting.face(backtesting.get(request.app, backtest_id)))


class FraudSettingsInput(Serializer):
    coin_hold_at = WholeNumber(min_value=1, max_value=100, required=False)
    watch_at = WholeNumber(min_value=0, max_value=100, required=False)
    two_person = Truth(required=False)
    sample_per_thousand = WholeNumber(min_value=0, max_value=1000, required=False)


class FraudSettings(ApiView):
    """From where coins wait and subjects are watched, and whether rules take two persons."""

    serializer_class = FraudSettingsInput

    def get(self, request):
        return Response(settings.face(settings.of(request.app)))

    def patch(self, request):
        values = FraudSettingsInput.parse(request.data)
        return Response(settings.face(settings.revise(request.app, values, actor=request.api_key.pk)))
