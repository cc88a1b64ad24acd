"""The camelCase base: names, types, and the fast way in and out."""

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from incenta.serializers import Serializer, camel, flat


class Tier(Serializer):
    min_count = serializers.IntegerField(min_value=0)


class Order(Serializer):
    order_name = serializers.CharField(max_length=5)
    is_paid = serializers.BooleanField(required=False)
    how_many = serializers.IntegerField(required=False, allow_null=True)
    how_sent = serializers.ChoiceField(choices=["BY_POST", "BY_HAND"], required=False)
    reply_to = serializers.EmailField(required=False)
    tag_list = serializers.ListField(child=serializers.CharField(), required=False)
    tiers = serializers.ListField(child=Tier(), required=False)
    meta_data = serializers.JSONField(required=False)

    def validate(self, asked):
        if asked.get("how_many") == 13:
            raise serializers.ValidationError({"how_many": ["Is unlucky."]})
        return asked


def refused(body: object) -> dict:
    with pytest.raises(ValidationError) as caught:
        Order.parse(body)
    return {name: [str(one) for one in told] for name, told in flat(caught.value.detail).items()}


def test_names():
    assert [camel(name) for name in ("a", "reward_value", "level2_reward_cap")] == [
        "a",
        "rewardValue",
        "level2RewardCap",
    ]


def test_a_sound_body():
    body = {
        "orderName": "A",
        "isPaid": False,
        "howMany": 3,
        "howSent": "BY_HAND",
        "tagList": ["x"],
        "tiers": [{"minCount": 1}],
        "metaData": {"keepThis_asItIs": 1},
    }
    assert Order.parse(body) == {
        "order_name": "A",
        "is_paid": False,
        "how_many": 3,
        "how_sent": "BY_HAND",
        "tag_list": ["x"],
        "tiers": [{"min_count": 1}],
        "meta_data": {"keepThis_asItIs": 1},
    }


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("orderName", 5, "Must be text."),
        ("orderName", True, "Must be text."),
        ("orderName", ["A"], "Must be text."),
        ("isPaid", "no", "Must be true or false."),
        ("isPaid", 0, "Must be true or false."),
        ("howMany", "5", "Must be a whole number."),
        ("howMany", 5.5, "Must be a whole number."),
        ("howMany", True, "Must be a whole number."),
        ("howMany", [], "Must be a whole number."),
        ("howSent", 1, "Must be text."),
        ("howSent", {}, "Must be text."),
        ("replyTo", 1, "Must be text."),
        ("tagList", [1], "Must be text."),
        ("tagList", ["a", None], "Must be text."),
        ("orderName", None, "This field may not be null."),
        ("orderName", "too long", None),
        ("howSent", "BY_AIR", None),
        ("tagList", "x", None),
        ("tiers", {}, None),
        ("howMany", 13, "Is unlucky."),
    ],
)
def test_wrong_types_and_values_are_told_under_the_clients_names(field, value, told):
    found = refused({"orderName": "A"} | {field: value})
    (name, sentences), *more = found.items()
    assert name.partition(".")[0] == field and not more
    assert told is None or sentences == [told]


def test_nested_errors_and_unknown_names():
    assert refused({"orderName": "A", "tiers": [{"minCount": 1}, {"minCount": -1}]}).keys() == {"tiers.1.minCount"}
    assert refused({"orderName": "A", "tiers": [{"min_count": 1}]}).keys() == {"tiers.0.min_count"}
    assert refused({"orderName": "A", "order_name": "B", "x": 1}).keys() == {"order_name", "x"}
    assert refused([]).keys() == refused("x").keys() == refused(5).keys() == {"body"}


def test_partial_bodies_and_context_do_not_stay_behind():
    assert Order.parse({"howMany": None}, partial=True) == {"how_many": None}
    assert "orderName" in refused({"howMany": 1})
    Order.parse({"orderName": "A"}, app="himal")
    assert Order._kept().context == {}


def test_the_face_of_an_object():
    assert Tier.show({"min_count": 3}) == {"minCount": 3}
    assert Tier.show_all([{"min_count": 1}, {"min_count": 2}]) == [{"minCount": 1}, {"minCount": 2}]
