"""A small language in which a room describes its answers by example; the API's description makes both the example and
its schema of it.

A room's ``api/examples.py`` holds ``OPERATIONS``, from (name of the view, method) to :class:`Operation`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Nullable:
    """A value that may be null. ``Nullable(12)`` shows 12; ``Nullable("x", shown=False)`` shows null."""

    value: Any
    shown: bool = True


@dataclass(frozen=True)
class Sometimes:
    """A field that some answers lack."""

    value: Any


class Choice:
    """One of a few words; the first is shown. Clients must expect more words to come."""

    def __init__(self, *words: str):
        self.words = words


@dataclass(frozen=True)
class Number:
    """A number that may have decimals, such as an amount."""

    value: float


@dataclass(frozen=True)
class Free:
    """An object whose names are the client's, or vary."""

    value: dict


class Either:
    """One of several shapes; the first is shown."""

    def __init__(self, *shapes: Any):
        self.shapes = shapes


@dataclass(frozen=True)
class Face:
    """A noun with a name of its own in the description, such as ``Face("Reward", {...})``."""

    name: str
    fields: dict


@dataclass(frozen=True)
class Operation:
    """One method of one address.

    ``answer``: the answer by example; for a list, ``item`` is one of its items instead, and ``beside``
    what stands beside the items. ``also``: further statuses that answer alike, with what they mean. ``body``: an example of the
    request. ``path``, ``query``: examples of parameters; a query parameter that no filter declares is
    ``{name: (description, example)}``, and ``required`` names those that must be there; ``filters``: what a filter means here,
    where ``parameters`` says it too broadly. ``codes``: refusals worth naming.
    ``id``: the operation's id, where the one made of the address reads badly.
    """

    summary: str
    answer: Any = None
    item: Any = None
    beside: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    also: Mapping[int, str] = field(default_factory=dict)
    body: Any = None
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    description: str = ""
    id: str = ""


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def example_of(shape: Any) -> Any:
    """The plain JSON that a shape shows."""
    match shape:
        case Nullable(value, shown):
            return example_of(value) if shown else None
        case Choice():
            return shape.words[0]
        case Sometimes(value):
            return example_of(value)
        case Number(value) | Free(value):
            return value
        case Either():
            return example_of(shape.shapes[0])
        case Face(_, fields):
            return example_of(fields)
        case dict():
            return {name: example_of(inner) for name, inner in shape.items()}
        case list() | tuple():
            return [example_of(inner) for inner in shape]
    return shape


def schema_of(shape: Any, components: dict[str, dict]) -> dict:
    """JSON Schema of a shape; faces are put into ``components`` and referred to. Every field shown is always there, and
    more may come."""
    match shape:
        case None:
            return {}
        case Nullable(value):
            inner = schema_of(value, components)
            if isinstance(inner.get("type"), str) and "enum" not in inner:
                return inner | {"type": [inner["type"], "null"]}
            return {"anyOf": [inner, {"type": "null"}]}
        case Sometimes(value):
            return schema_of(value, components)
        case Choice():
            return {"type": "string", "enum": list(shape.words)}
        case Number():
            return {"type": "number"}
        case Free():
            return {"type": "object", "additionalProperties": True}
        case Either():
            return {"anyOf": [schema_of(inner, components) for inner in shape.shapes]}
        case Face(name, fields):
            if name not in components:
                components[name] = {}  # a face may hold itself
                components[name] = schema_of(fields, components) | {"examples": [example_of(fields)]}
            return {"$ref": f"#/components/schemas/{name}"}
        case dict():
            properties = {name: schema_of(inner, components) for name, inner in shape.items()}
            required = [name for name, inner in shape.items() if not isinstance(inner, Sometimes)]
            return {"type": "object", "properties": properties} | ({"required": required} if required else {})
        case list() | tuple():
            return {"type": "array", "items": schema_of(shape[0], components) if shape else {}}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case str():
            return {"type": "string"} | ({"format": "date-time"} if _MOMENT.fullmatch(shape) else {})
    raise TypeError(f"{type(shape).__name__} is no shape")


OPERATIONS = {
    ("OpenApiView", "get"): Operation(
        "This description", Free({"openapi": "3.1.0", "info": {}, "paths": {}}), id="describeApi"
    ),
}
