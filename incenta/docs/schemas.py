"""JSON Schema as rows of a table: each field with its path, its type in words and what it may be."""

from collections.abc import Iterator
from typing import Any, NamedTuple

DEEPEST = 3
"""Levels of objects in objects that are told; deeper ones are in the example."""
_NULL = {"type": "null"}


class Field(NamedTuple):
    """``name`` with dots for what is inside an object and ``[]`` for what is inside a list."""

    name: str
    type: str
    is_required: bool
    text: str = ""
    words: tuple[str, ...] = ()
    limits: str = ""


class Schemas:
    """Reads schemas of one description, whose ``#/…`` references it follows."""

    def __init__(self, description: dict):
        self.description = description

    def resolved(self, thing: dict) -> dict:
        """What a ``$ref`` means, with what stands beside it."""
        while "$ref" in thing:
            found: Any = self.description
            for part in thing["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            thing = found | {name: value for name, value in thing.items() if name != "$ref"}
        return thing

    def fields(self, schema: dict) -> list[Field]:
        """The fields of an object, or of the objects of a list."""
        return list(self._fields(schema, "", 0))

    def _fields(self, schema: dict, prefix: str, depth: int) -> Iterator[Field]:
        schema, _ = self._bare(schema)
        if "items" in schema and not prefix:
            schema, prefix = self._bare(schema["items"])[0], "[]."
        for part in schema.get("allOf", ()):
            yield from self._fields(part, prefix, depth)
        required = schema.get("required", ())
        for name, given in schema.get("properties", {}).items():
            inner, _ = self._bare(given)
            words = tuple(
                str(word) for word in inner.get("enum", inner.get("items", {}).get("enum", ())) if word is not None
            )
            text = given.get("description") or inner.get("description", "")
            yield Field(f"{prefix}{name}", self.type_of(given), name in required, text, words, limits_of(inner))
            if depth < DEEPEST:
                item = self._bare(inner["items"])[0] if inner.get("items") else {}
                if inner.get("properties") or inner.get("allOf"):
                    yield from self._fields(inner, f"{prefix}{name}.", depth + 1)
                elif item.get("properties"):
                    yield from self._fields(item, f"{prefix}{name}[].", depth + 1)

    def _bare(self, schema: dict) -> tuple[dict, bool]:
        """A schema without its null, and whether it had one. Of several shapes the first is told."""
        schema = self.resolved(schema)
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            others = [one for one in options if one != _NULL]
            beside = {name: value for name, value in schema.items() if name not in ("anyOf", "oneOf")}
            bare, is_nullable = self._bare(others[0]) if others else ({}, True)
            return bare | beside, is_nullable or len(others) < len(options)
        kind = schema.get("type")
        if isinstance(kind, list):
            kinds = [one for one in kind if one != "null"]
            return schema | {"type": kinds[0] if len(kinds) == 1 else kinds}, "null" in kind
        return schema, False

    def type_of(self, schema: dict) -> str:
        """A type in words: ``time``, ``list of strings``, ``number``."""
        bare, is_nullable = self._bare(schema)
        told = self._told(bare)
        return f"{told} or null" if is_nullable and not told.endswith("null") else told

    def _told(self, schema: dict) -> str:
        kind = schema.get("type", "object" if "properties" in schema else "any value")
        if isinstance(kind, list):
            return " or ".join(one for one in kind if one != "null")
        if kind == "array":
            item = self._told(self._bare(schema.get("items", {}))[0])
            return f"list of {item}" if item == "any value" else f"list of {item}s"
        if kind == "string" and "format" in schema:
            return {"date-time": "time", "uri": "URL", "date": "day"}.get(schema["format"], "string")
        return kind


def limits_of(schema: dict) -> str:
    """``1 to 255 characters``, ``0 or more``; empty where there are none."""
    for low, high, unit in (
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minimum", "maximum", ""),
    ):
        least, most = schema.get(low), schema.get(high)
        if most is not None and most == least:
            return f"{most:,}{unit}"
        if most is not None and most < 10**9:
            return f"{least} to {most:,}{unit}" if least is not None else f"at most {most:,}{unit}"
        if least is not None and (unit == "" or least > 1):
            return f"{least} or more{unit}"
    return ""
