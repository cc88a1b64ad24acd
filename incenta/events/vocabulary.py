"""The words in which the catalogue describes what events carry: each field by its JSON Schema (draft 2020-12) and an example.

Strict about what is there, so that a field that is missing or of another type is found; open for fields to come.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Field:
    """``is_required``: events always have it, if need be as null. ``is_shown``: the example has it."""

    schema: Mapping[str, Any]
    example: Any
    is_required: bool = True
    is_shown: bool = True

    def shown(self, example: Any) -> "Field":
        """The same with another example."""
        return replace(self, example=example)

    def or_null(self, example: Any = ABSENT) -> "Field":
        """May be null; ``example`` where another is to be shown."""
        schema = dict(self.schema)
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
        return replace(self, schema=schema, example=self.example if example is ABSENT else example)

    def sometimes(self, *, is_shown: bool = False) -> "Field":
        """Some of the events have it."""
        return replace(self, is_required=False, is_shown=is_shown)


def text(example: str, **more: Any) -> Field:
    return Field({"type": "string"} | more, example)


def word(*words: str) -> Field:
    """One of these; the first is shown. More may come with a new payload version."""
    return Field({"type": "string", "enum": list(words)}, words[0])


def name_of(prefix: str, tail: str) -> Field:
    """An id of ours."""
    return text(f"{prefix}_01m831b2qts05fen4vdq67f4{tail}", pattern=f"^{prefix}_")


def whole(example: int, least: int | None = 0) -> Field:
    return Field({"type": "integer"} | ({} if least is None else {"minimum": least}), example)


def number(example: float) -> Field:
    return Field({"type": "number"}, example)


def truth(example: bool) -> Field:
    return Field({"type": "boolean"}, example)


def thing(fields: Mapping[str, Field]) -> Field:
    """An object with these fields."""
    schema = {
        "type": "object",
        "properties": {name: dict(field.schema) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.is_required],
    }
    return Field(schema, {name: field.example for name, field in fields.items() if field.is_shown})


def several(field: Field, example: list | None = None) -> Field:
    """A list of such; one is shown where no other example is."""
    return Field({"type": "array", "items": dict(field.schema)}, [field.example] if example is None else example)


def anything() -> Field:
    """An object whose names vary."""
    return Field({"type": "object"}, {})


MOMENT = text("2026-11-23T09:30:00.000Z", format="date-time", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
USER = text("customer_42", minLength=1, maxLength=255)
CURRENCY = text("USD")
AMOUNT = number(5)
POINTS = whole(0, None)
REFERRAL, CAMPAIGN = name_of("ref", "qp"), name_of("camp", "qq")
CONVERSION, REWARD = name_of("conv", "qr"), name_of("rew", "qs")
REDEMPTION, BUSINESS = name_of("rdm", "qt"), name_of("biz", "qv")
LISTING, PROMOTION = name_of("lst", "qw"), name_of("prm", "qx")
EVENT, FLAG = name_of("evt", "qy"), name_of("flag", "qz")
ITEM, CLICK, APP = name_of("item", "r0"), name_of("click", "r1"), name_of("app", "r2")
MESSAGE = name_of("msg", "r3")
CODE = text("7F2KQ9MX")
DISCOUNT_CODE = text("THANKS-7F2KQ9MX")
SCORE = whole(100)
REASON = thing(
    {
        "type": text("SELF_REFERRAL"),
        "points": whole(100, None),
        "message": text("The referrer and the referred friend are the same user."),
    }
)
ASSESSED = {
    "riskScore": SCORE.or_null(None),
    "warning": text("").or_null(None),
    "reasons": several(REASON).or_null(None),
}
"""What fraud scoring says of something; all null where it says nothing."""
THREE = {"xp": POINTS.shown(100), "coins": POINTS.shown(50), "tokens": POINTS}
BALANCES = thing({"xp": POINTS.shown(310), "coins": POINTS.shown(155), "tokens": POINTS})
