"""``/v1/rewards`` and ``/v1/users/{userId}/rewards``: contract, section 5."""

import django_filters
from rest_framework import serializers
from rest_framework.response import Response

from incenta import clock
from incenta.api import errors, guessing
from incenta.api.fields import Text, UserId
from incenta.api.lists import FilterSet, ListView, MomentFilter, TextFilter, TruthFilter, check_parameters
from incenta.api.views import ApiRequest, ApiView
from incenta.errors import InvalidInput
from incenta.serializers import Serializer
from referrals import discount_code, reward_state, rewards
from referrals.faces_reward import SHOWN, code_face, reward_face
from referrals.locked_rewards import not_found
from referrals.models import Reward
from referrals.models.campaign import FulfillmentType
from referrals.models.reward import RewardStatus


# --- lists ----------------------------------------------------------------------------------------------------------
class UserRewardFilters(FilterSet):
    status = django_filters.ChoiceFilter(choices=RewardStatus.choices)
    fulfillmentType = django_filters.ChoiceFilter(choices=FulfillmentType.choices, field_name="fulfillment_type")
    campaignId = TextFilter(field_name="campaign_id")
    onHold = TruthFilter(method="held")
    to = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Reward
        fields: list[str] = []

    def held(self, queryset, name, value):
        if value is None:
            return queryset
        held = self.request.app.rewards.filter(status__in=reward_state.OPEN).on_hold(clock.now(self.request.app))
        return queryset.filter(pk__in=held.values("pk")) if value else queryset.exclude(pk__in=held.values("pk"))


# "from" is a word of Python's, so it cannot be written in the class
UserRewardFilters.base_filters["from"] = MomentFilter(field_name="created_at", lookup_expr="gte")


class RewardFilters(UserRewardFilters):
    userId = TextFilter(field_name="user_id")


RewardFilters.base_filters["from"] = MomentFilter(field_name="created_at", lookup_expr="gte")


class Rewards(ListView):
    plural = "rewards"
    filterset_class = RewardFilters
    order = ("-created_at", "-id")

    def get_queryset(self):
        return self.request.app.rewards.select_related(*SHOWN).defer("conversion__trace", "conversion__metadata")

    def faces(self, items):
        now = clock.now(self.request.app)
        return [reward_face(item, now) for item in items]


class UserRewards(Rewards):
    """The same list of one user; an unknown user has none, which is not an error."""

    filterset_class = UserRewardFilters

    def get_queryset(self):
        return super().get_queryset().filter(user_id=self.kwargs["user_id"])


class RewardDetail(ApiView):
    def get(self, request, reward_id):
        check_parameters(request, frozenset())
        reward = request.app.rewards.select_related(*SHOWN).filter(pk=reward_id).first()
        if reward is None:
            raise not_found()
        return Response(reward_face(reward, clock.now(request.app)))


# --- verbs ----------------------------------------------------------------------------------------------------------
def _done(request: ApiRequest, reward: Reward, **more) -> Response:
    return Response({"success": True, **more, "reward": reward_face(reward, clock.now(request.app))})


class NothingInput(Serializer):
    """No fields."""


class ClaimInput(Serializer):
    coupon_code = Text(max_length=200, required=False, allow_null=True)
    reference = Text(required=False, allow_null=True)


class ClaimReward(ApiView):
    serializer_class = ClaimInput

    def post(self, request, reward_id):
        reward = rewards.claim(request.app, reward_id, **ClaimInput.parse(request.data), actor=request.api_key.pk)
        return _done(request, reward, discountCode=reward.code, expiresAt=clock.iso(reward.expires_at))


class ApproveReward(ApiView):
    serializer_class = NothingInput

    def post(self, request, reward_id):
        NothingInput.parse(request.data)
        return _done(request, rewards.approve(request.app, reward_id, actor=request.api_key.pk))


class CancelInput(Serializer):
    reason = Text(max_length=500)


class CancelReward(ApiView):
    serializer_class = CancelInput

    def post(self, request, reward_id):
        asked = CancelInput.parse(request.data)
        return _done(request, rewards.cancel(request.app, reward_id, **asked, actor=request.api_key.pk))


class PayInput(Serializer):
    payout_reference = Text(required=False, allow_null=True)


class PayReward(ApiView):
    serializer_class = PayInput

    def post(self, request, reward_id):
        asked = PayInput.parse(request.data)
        return _done(request, rewards.pay(request.app, reward_id, **asked, actor=request.api_key.pk))


class HoldInput(Serializer):
    reason = Text(min_length=0, max_length=500, required=False, allow_null=True)


class HoldReward(ApiView):
    """Holds by hand; the review of fraud and the budget have holds of their own."""

    serializer_class = HoldInput

    def post(self, request, reward_id):
        note = HoldInput.parse(request.data).get("reason") or ""
        return _done(request, rewards.hold(request.app, reward_id, note=note, actor=request.api_key.pk))


class ReleaseReward(ApiView):
    """Ends the hold by hand; others hold on."""

    serializer_class = NothingInput

    def post(self, request, reward_id):
        NothingInput.parse(request.data)
        return _done(request, rewards.release(request.app, reward_id, actor=request.api_key.pk))


# --- many at once ---------------------------------------------------------------------------------------------------
class ManyInput(Serializer):
    ids = serializers.ListField(child=Text(max_length=60), min_length=1, max_length=rewards.MOST_AT_ONCE)


class CancelManyInput(ManyInput):
    reason = Text(max_length=500)


class PayManyInput(ManyInput):
    payout_reference = Text(required=False, allow_null=True)


def _each(request: ApiRequest, outcomes: list[rewards.Outcome]) -> Response:
    """Per id, in the order sent: ``{id, status: "ok", reward}`` or ``{id, status: "error", error, code, details}``."""
    now = clock.now(request.app)
    results = [
        {"id": outcome.id, "status": "ok", "reward": reward_face(outcome.reward, now)}
        if outcome.refusal is None
        else {
            "id": outcome.id,
            "status": "error",
            "error": outcome.refusal.message,
            "code": outcome.refusal.code,
            "details": outcome.refusal.details,
        }
        for outcome in outcomes
    ]
    failed = sum(outcome.refusal is not None for outcome in outcomes)
    return Response({"results": results, "succeeded": len(results) - failed, "failed": failed})


class ApproveRewards(ApiView):
    serializer_class = ManyInput

    def post(self, request):
        asked = ManyInput.parse(request.data)
        return _each(request, rewards.approve_many(request.app, **asked, actor=request.api_key.pk))


class CancelRewards(ApiView):
    serializer_class = CancelManyInput

    def post(self, request):
        asked = CancelManyInput.parse(request.data)
        return _each(request, rewards.cancel_many(request.app, **asked, actor=request.api_key.pk))


class PayRewards(ApiView):
    serializer_class = PayManyInput

    def post(self, request):
        asked = PayManyInput.parse(request.data)
        return _each(request, rewards.pay_many(request.app, **asked, actor=request.api_key.pk))


# --- codes ----------------------------------------------------------------------------------------------------------
class ValidateCode(ApiView):
    """Whether a code could be redeemed now, and what it is worth. Consumes nothing."""

    def get(self, request):
        check_parameters(request, {"code"})
        code = request.query_params.get("code")
        if code is None:
            raise InvalidInput({"code": ["Is required."]})
        guessing.refuse_guesser(guessing.Asker.of(request))
        reward = rewards.by_code(request.app, code)
        if reward is None:
            guessing.count_miss(guessing.Asker.of(request))
            return Response(
                {"valid": False, "error": "Discount code not found.", "code": code[: discount_code.LONGEST]}
            )
        return Response(code_face(reward, clock.now(request.app)))


class RedeemInput(Serializer):
    """``{rewardId, userId}`` or ``{code, orderReference?}``."""

    reward_id = Text(max_length=60, required=False, allow_null=True)
    user_id = UserId(required=False, allow_null=True)
    code = Text(max_length=200, required=False, allow_null=True)
    order_reference = Text(required=False, allow_null=True)

    def validate(self, asked):
        if (asked.get("code") is None) == (asked.get("reward_id") is None):
            raise serializers.ValidationError({"rewardId": ["Send either rewardId and userId, or code."]})
        if asked.get("code") is None and asked.get("user_id") is None:
            raise serializers.ValidationError({"userId": ["Is required with rewardId."]})
        return asked


class RedeemReward(ApiView):
    serializer_class = RedeemInput

    def post(self, request):
        asked = RedeemInput.parse(request.data)
        reward_id = asked.get("reward_id")
        if (code := asked.get("code")) is not None:
            guessing.refuse_guesser(guessing.Asker.of(request))
            found = rewards.by_code(request.app, code)
            if found is None:
                guessing.count_miss(guessing.Asker.of(request))
                # answered, not raised: raising would roll the count back
                return errors.answer(not_found(), request.request_id)
            reward_id = found.pk
        reward = rewards.redeem(
            request.app,
            reward_id,
            user_id=asked.get("user_id"),
            order_reference=asked.get("order_reference"),
            actor=request.api_key.pk,
        )
        return _done(request, reward)
