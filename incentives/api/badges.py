"""``/v1/incentives/badges``: the rules, giving one by hand, and who holds which."""

from rest_framework import serializers
from rest_framework.response import Response

from incenta.api.fields import Text, Truth, UserId
from incenta.api.lists import FilterSet, ListView, TruthFilter
from incenta.api.views import ApiView
from incenta.serializers import Serializer
from incentives import badges
from incentives.models import Badge, Grant

from .actions import key_field, points
from .levels import ForOldUsers

LARGEST_COUNT = 10**12
COUNTED = ("xp", "level", "streakDays", "referrals")


class Criteria(serializers.Field):
    """``{actionKey, count}``, ``{xp}``, ``{level}``, ``{streakDays}`` or ``{referrals}``; ``null``: given by hand only."""

    def to_internal_value(self, data: object) -> dict:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Must be an object.")
        if set(data) == {"actionKey", "count"}:
            key = data["actionKey"]
            if not isinstance(key, str) or not 1 <= len(key) <= 80:
                raise serializers.ValidationError("actionKey: Must be the key of an action.")
            return {"actionKey": key, "count": self._count(data, "count")}
        if len(data) == 1 and (name := next(iter(data))) in COUNTED:
            return {name: self._count(data, name)}
        raise serializers.ValidationError(
            "Must be {actionKey, count}, or exactly one of xp, level, streakDays and referrals."
        )

    @staticmethod
    def _count(data: dict, name: str) -> int:
        number = data[name]
        if (
            isinstance(number, bool)
            or not isinstance(number, int | float)
            or number != number // 1
            or not 1 <= number <= LARGEST_COUNT
        ):
            raise serializers.ValidationError(f"{name}: Must be a whole number from 1 to {LARGEST_COUNT}.")
        return int(number)

    def to_representation(self, value):
        return value

    def json_schema(self) -> dict:
        count = {"type": "integer", "minimum": 1, "maximum": LARGEST_COUNT}
        counted = {"actionKey": {"type": "string", "minLength": 1, "maxLength": 80}, "count": count}
        forms = [
            {"type": "object", "properties": counted, "required": ["actionKey", "count"], "additionalProperties": False}
        ]
        forms += [
            {"type": "object", "properties": {name: count}, "required": [name], "additionalProperties": False}
            for name in COUNTED
        ]
        return {"oneOf": forms}


class BadgeChanges(ForOldUsers):
    name = Text(max_length=120, required=False)
    description = Text(min_length=0, max_length=500, required=False)
    icon = Text(min_length=0, max_length=500, required=False)
    criteria = Criteria(required=False, allow_null=True)
    xp = points(required=False)
    coins = points(required=False)
    active = Truth(required=False)


class BadgeInput(BadgeChanges):
    key = key_field()
    name = Text(max_length=120)


class BadgeFilters(FilterSet):
    active = TruthFilter(field_name="active")

    class Meta:
        model = Badge
        fields: list[str] = []


class Badges(ListView):
    plural = "badges"
    filterset_class = BadgeFilters
    serializer_class = BadgeInput

    def get_queryset(self):
        return self.request.app.badges.all()

    def face(self, item):
        return badges.face(item)

    def post(self, request):
        values, asked = BadgeInput.split(request.data)
        made = badges.create(request.app, values, actor=request.api_key.pk, **asked)
        return Response(made, status=200 if asked["preview"] else 201)


class BadgeDetail(ApiView):
    serializer_class = BadgeChanges

    def get(self, request, key):
        badge = badges.get(request.app, key)
        holders = request.app.grants.filter(kind=Grant.Kind.BADGE, key=key, revoked_at=None).count()
        return Response(badges.face(badge) | {"holders": holders})

    def patch(self, request, key):
        changes, asked = BadgeChanges.split(request.data)
        return Response(badges.revise(request.app, key, changes, actor=request.api_key.pk, **asked))


class AwardInput(Serializer):
    user_id = UserId()
    reason = Text(min_length=0, max_length=500, required=False, allow_null=True)


class AwardBadge(ApiView):
    """Gives a badge by hand: 201, or 200 where the user holds it already."""

    serializer_class = AwardInput

    def post(self, request, key):
        sent = AwardInput.parse(request.data)
        held, is_new = badges.award(
            request.app, key, sent["user_id"], reason=sent.get("reason") or "", actor=request.api_key.pk
        )
        return Response(held, status=201 if is_new else 200)


class UserBadges(ListView):
    """The badges that a user holds, newest first."""

    plural = "badges"

    def get_queryset(self):
        return self.request.app.grants.filter(user_id=self.kwargs["user_id"], kind=Grant.Kind.BADGE, revoked_at=None)

    def faces(self, items):
        known = {badge.key: badge for badge in self.request.app.badges.filter(key__in=[item.key for item in items])}
        return [badges.held_face(item, known.get(item.key)) for item in items]
