"""Payload filters: what ``data`` must be for an endpoint to be told.

``{"campaignId": ["camp_1", "camp_2"], "amount": {"gte": 10}, "status": "CONVERTED", "balances.coins": {"gt": 0}}``: each name
is a field of ``data``, or a field of an object in it; each must fit. A plain value fits what equals it, a list what is one of
it, an object what all its comparisons hold for. A field that holds a list fits where one of its items does; a field that is
absent is as good as null. Pure.
"""

from collections.abc import Mapping, Sequence

import jsonschema

MOST_CONDITIONS = 10
MOST_WORDS = 100
COMPARISONS = {
    "gte": lambda value, bound: value >= bound,
    "lte": lambda value, bound: value <= bound,
    "gt": lambda value, bound: value > bound,
    "lt": lambda value, bound: value < bound,
}
EXISTS = "exists"

Scalar = str | int | float | bool | None


def matches(payload_filter: Mapping[str, object], data: Mapping[str, object]) -> bool:
    """Whether ``data`` fits a filter that :func:`problems` found no fault with. An empty filter fits everything."""
    return all(_fits(condition, _value_at(data, name)) for name, condition in payload_filter.items())


def _value_at(data: Mapping[str, object], name: str) -> object:
    if name in data:
        return data[name]
    outer, _, inner = name.partition(".")
    holder = data.get(outer)
    return holder.get(inner) if inner and isinstance(holder, dict) else None


def _fits(condition: object, value: object) -> bool:
    if isinstance(condition, dict):
        return all(_holds(name, bound, value) for name, bound in condition.items())
    wanted = condition if isinstance(condition, list) else [condition]
    found = value if isinstance(value, list) else [value]
    return any(_is_equal(one, other) for one in found for other in wanted)


def _holds(name: str, bound: object, value: object) -> bool:
    if name == EXISTS:
        return (value is not None) == bound
    if isinstance(value, list):
        return any(_holds(name, bound, one) for one in value)
    # times are compared as text: they are all written in one form
    is_comparable = (_is_number(value) and _is_number(bound)) or (isinstance(value, str) and isinstance(bound, str))
    return is_comparable and COMPARISONS[name](value, bound)


def _is_equal(one: object, other: object) -> bool:
    # True is not 1 to who wrote JSON
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# -- is it a filter? -----------------------------------------------------------------------------------------------------
def problems(payload_filter: Mapping[str, object], schemas: Sequence[Mapping]) -> dict[str, list[str]]:
    """What is wrong with a filter, by field; ``{}`` where it is one. ``schemas``: those of the ``data`` of the events that
    the endpoint subscribes to. A field must be known to one of them."""
    if len(payload_filter) > MOST_CONDITIONS:
        return {"filter": [f"Must have at most {MOST_CONDITIONS} conditions."]}
    found = {}
    for name, condition in payload_filter.items():
        known = [schema for schema in (_schema_at(schema, name) for schema in schemas) if schema is not None]
        if told := _wrong_with(condition, known):
            found[f"filter.{name[:100]}"] = [told]
    return found


def _schema_at(schema: Mapping, name: str) -> Mapping | None:
    fields = schema.get("properties", {})
    if name in fields:
        return fields[name]
    outer, _, inner = name.partition(".")
    return fields.get(outer, {}).get("properties", {}).get(inner)


def _wrong_with(condition: object, schemas: list[Mapping]) -> str | None:
    if not schemas:
        return "No event that the endpoint subscribes to has this field."
    if not isinstance(condition, dict):
        return _wrong_words(condition if isinstance(condition, list) else [condition], schemas)
    if not condition:
        return "Must say what to compare with."
    for name, bound in condition.items():
        if name == EXISTS:
            if not isinstance(bound, bool):
                return "exists must be true or false."
        elif name not in COMPARISONS:
            return f"{name[:40]!r} is not a comparison. There are {', '.join(COMPARISONS)} and {EXISTS}."
        elif not any(_is_ordered(schema, bound) for schema in schemas):
            return f"{name} needs a number, or a time as this field has it."
    return None


def _wrong_words(words: list, schemas: list[Mapping]) -> str | None:
    if not 1 <= len(words) <= MOST_WORDS:
        return f"Must name 1 to {MOST_WORDS} values."
    for word in words:
        if isinstance(word, dict | list) or (isinstance(word, str) and len(word) > 1000):
            return "Must be a text, a number, true, false or null, or a list of such."
        if not any(_may_be(schema, word) for schema in schemas):
            return f"This field is never {word if not isinstance(word, str) else word[:60]!r}."
    return None


def _may_be(schema: Mapping, word: Scalar) -> bool:
    if "items" in schema and word is not None:
        schema = schema["items"]
    return word is None or jsonschema.Draft202012Validator(schema).is_valid(word)


def _is_ordered(schema: Mapping, bound: object) -> bool:
    types = schema.get("type", ())
    types = (types,) if isinstance(types, str) else types
    if _is_number(bound):
        return "number" in types or "integer" in types
    return isinstance(bound, str) and schema.get("format") == "date-time" and len(bound) <= 40
