"""A client that was written for the last release goes on working. First the release, then whether the comparison sees what breaks."""

import copy
import json
from pathlib import Path

import pytest

from incenta.api.schema import description
from tests.api.compatibility import breaks, essence

RELEASES = sorted((Path(__file__).parents[2] / "docs" / "openapi").glob("*.json"))


def test_nothing_breaks_a_client_of_the_last_release():
    """Where something must break, it is a new version of the API; ``python -m tests.api.release`` keeps what a release promised."""
    newest = max(RELEASES, key=lambda file: tuple(map(int, file.stem.split("."))))
    found = breaks(json.loads(newest.read_text()), json.loads(description()))
    assert not found, f"Against {newest.name}:\n" + "\n".join(found)


def test_what_is_kept_of_a_release_is_all_that_is_compared():
    described = json.loads(description())
    assert breaks(described, essence(described)) == breaks(essence(described), described) == []


# --- the comparison itself -------------------------------------------------------------------------------------------
THING = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "state": {"type": "string", "enum": ["OPEN", "SHUT"]},
        "note": {"type": ["string", "null"]},
        "owner": {"anyOf": [{"$ref": "#/components/schemas/Owner"}, {"type": "null"}]},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
        "extra": {"type": "integer"},
    },
    "required": ["id", "state", "note", "owner", "parts"],
}
OWNER = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "number"}}, "required": ["name"]}
NEW_THING = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 50},
        "kind": {"type": "string", "enum": ["BIG", "SMALL"]},
        "size": {"type": "number", "minimum": 0},
        "tags": {"type": "array", "items": {"type": "string"}},
        "more": {"type": "object", "additionalProperties": True},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def a_description() -> dict:
    thing = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}}
    ident = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewThing"}}}}
    hook = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
    return copy.deepcopy(
        {
            "security": [{"apiKey": []}, {"bearer": []}],
            "paths": {
                "/things": {
                    "post": {
                        "operationId": "createThing",
                        "requestBody": body,
                        "responses": {"201": thing, "200": thing},
                    },
                },
                "/things/{id}": {
                    "get": {"operationId": "getThing", "parameters": [ident, limit], "responses": {"200": thing}},
                    "delete": {"operationId": "deleteThing", "parameters": [ident], "responses": {"204": {}}},
                },
            },
            "webhooks": {"THING_MADE": {"post": {"operationId": "onThingMade", "requestBody": hook}}},
            "components": {"schemas": {"Thing": THING, "Owner": OWNER, "NewThing": NEW_THING}},
        }
    )


def after(change) -> list[str]:
    now = a_description()
    change(now)
    return breaks(a_description(), now)


def schema(described: dict, name: str) -> dict:
    return described["components"]["schemas"][name]


def field(described: dict, noun: str, name: str) -> dict:
    return schema(described, noun)["properties"][name]


def operation(described: dict, method: str, path: str = "/things/{id}") -> dict:
    return described["paths"][path][method]


BREAKING = {
    "a path is gone": (lambda d: d["paths"].pop("/things"), "POST /things: is gone"),
    "a method is gone": (lambda d: d["paths"]["/things/{id}"].pop("delete"), "DELETE /things/{id}: is gone"),
    "an operation is renamed": (
        lambda d: operation(d, "get").update(operationId="readThing"),
        "GET /things/{id}: is called",
    ),
    "an event is gone": (lambda d: d["webhooks"].pop("THING_MADE"), "webhook THING_MADE: is gone"),
    "a status is gone": (
        lambda d: operation(d, "post", "/things")["responses"].pop("200"),
        "POST /things: does not answer 200",
    ),
    "an answer is empty": (
        lambda d: operation(d, "get")["responses"].update({"200": {}}),
        "GET /things/{id} 200: has no body",
    ),
    "a field of an answer is gone": (
        lambda d: schema(d, "Thing")["properties"].pop("extra"),
        "GET /things/{id} 200.extra: is gone",
    ),
    "an inner field is gone": (
        lambda d: schema(d, "Owner")["properties"].pop("age"),
        "GET /things/{id} 200.owner|0.age: is gone",
    ),
    "a field may be missing": (
        lambda d: schema(d, "Thing")["required"].remove("id"),
        "GET /things/{id} 200.id: may be missing",
    ),
    "a field may be null": (
        lambda d: field(d, "Thing", "id").update(type=["string", "null"]),
        "GET /things/{id} 200.id: may be null now",
    ),
    "a noun may be null": (
        lambda d: field(d, "Thing", "parts").update(
            items={"anyOf": [{"$ref": "#/components/schemas/Thing"}, {"type": "null"}]}
        ),
        "GET /things/{id} 200.parts[]: may be null now",
    ),
    "an answer changes its type": (
        lambda d: field(d, "Thing", "extra").update(type="string"),
        "GET /things/{id} 200.extra: may be string now",
    ),
    "whole numbers become fractions": (
        lambda d: field(d, "Thing", "extra").update(type="number"),
        "GET /things/{id} 200.extra: may be number now",
    ),
    "a word of an answer is gone": (
        lambda d: field(d, "Thing", "state")["enum"].remove("SHUT"),
        "GET /things/{id} 200.state: is never SHUT",
    ),
    "an event loses a field": (
        lambda d: schema(d, "Thing")["properties"].pop("note"),
        "webhook THING_MADE.note: is gone",
    ),
    "a field is required now": (
        lambda d: schema(d, "NewThing")["required"].append("kind"),
        "POST /things body.kind: is required",
    ),
    "a new field is required": (
        lambda d: (
            (field(d, "NewThing", "name"), schema(d, "NewThing")["properties"].update(colour={}))
            and schema(d, "NewThing")["required"].append("colour")
        ),
        "POST /things body.colour: is required now",
    ),
    "a field is not taken": (
        lambda d: schema(d, "NewThing")["properties"].pop("size"),
        "POST /things body.size: is not taken",
    ),
    "a word is not taken": (
        lambda d: field(d, "NewThing", "kind")["enum"].remove("BIG"),
        "POST /things body.kind: takes BIG no more",
    ),
    "only some words are taken": (
        lambda d: field(d, "NewThing", "name").update(enum=["A"]),
        "POST /things body.name: takes any other word no more",
    ),
    "a type is narrowed": (
        lambda d: field(d, "NewThing", "size").update(type="integer"),
        "POST /things body.size: may not be number",
    ),
    "a bound is narrowed": (
        lambda d: field(d, "NewThing", "name").update(maxLength=40),
        "POST /things body.name: maxLength is 40",
    ),
    "a bound is new": (
        lambda d: field(d, "NewThing", "size").update(maximum=9),
        "POST /things body.size: maximum is 9",
    ),
    "a form is wanted": (
        lambda d: field(d, "NewThing", "name").update(pattern="^a"),
        "POST /things body.name: must have the pattern",
    ),
    "items are narrowed": (
        lambda d: field(d, "NewThing", "tags").update(items={"type": "integer"}),
        "POST /things body.tags[]: may not be string",
    ),
    "no other fields": (
        lambda d: field(d, "NewThing", "more").update(additionalProperties=False),
        "POST /things body.more: takes no other fields",
    ),
    "a parameter is gone": (
        lambda d: operation(d, "get")["parameters"].pop(),
        "GET /things/{id} query limit: is not taken",
    ),
    "a parameter is required": (
        lambda d: operation(d, "get")["parameters"][1].update(required=True),
        "GET /things/{id} query limit: is required now",
    ),
    "a required parameter is new": (
        lambda d: operation(d, "delete")["parameters"].append({"name": "why", "in": "query", "required": True}),
        "DELETE /things/{id} query why: is required",
    ),
    "a parameter is narrowed": (
        lambda d: operation(d, "get")["parameters"][1]["schema"].update(maximum=50),
        "GET /things/{id} query limit: maximum is 50",
    ),
    "a body is wanted": (
        lambda d: operation(d, "delete").update(requestBody={"required": True, "content": {}}),
        "DELETE /things/{id}: needs a body now",
    ),
    "a key opens no more": (lambda d: d.update(security=[{"apiKey": []}]), "GET /things/{id}: is not opened by bearer"),
    "a key needs another beside it": (
        lambda d: d.update(security=[{"apiKey": [], "userToken": []}, {"bearer": []}]),
        "GET /things/{id}: is not opened by apiKey",
    ),
}


@pytest.mark.parametrize("kind", BREAKING)
def test_it_sees(kind):
    change, told = BREAKING[kind]
    found = after(change)
    assert any(each.startswith(told) for each in found), found


HARMLESS = {
    "nothing": lambda d: None,
    "a path more": lambda d: d["paths"].update({"/others": {"get": {"operationId": "listOthers", "responses": {}}}}),
    "a field of an answer more": lambda d: schema(d, "Thing")["properties"].update(colour={"type": "string"}),
    "a word of an answer more": lambda d: field(d, "Thing", "state")["enum"].append("AJAR"),
    "never null any more": lambda d: field(d, "Thing", "note").update(type="string"),
    "always there now": lambda d: schema(d, "Thing")["required"].append("extra"),
    "a shape less": lambda d: field(d, "Thing", "owner").update(anyOf=[{"$ref": "#/components/schemas/Owner"}]),
    "fractions are whole": lambda d: field(d, "Owner", "age").update(type="integer"),
    "a field more may be sent": lambda d: schema(d, "NewThing")["properties"].update(colour={"type": "string"}),
    "a field need not be sent": lambda d: schema(d, "NewThing")["required"].remove("name"),
    "a word more may be sent": lambda d: field(d, "NewThing", "kind")["enum"].append("HUGE"),
    "any word may be sent": lambda d: field(d, "NewThing", "kind").pop("enum"),
    "a bound is widened": lambda d: field(d, "NewThing", "name").update(maxLength=500, minLength=0),
    "null may be sent": lambda d: field(d, "NewThing", "size").update(type=["number", "null"]),
    "another shape may be sent": lambda d: schema(d, "NewThing")["properties"].update(
        size={"anyOf": [{"type": "string"}, {"type": "number", "minimum": 0}]}
    ),
    "a parameter more": lambda d: operation(d, "get")["parameters"].append({"name": "why", "in": "query"}),
    "a status more": lambda d: operation(d, "delete")["responses"].update({"202": {}}),
    "a noun of another name": lambda d: (
        schema(d, "Thing")["properties"].update(
            owner={"anyOf": [{"$ref": "#/components/schemas/Person"}, {"type": "null"}]}
        ),
        d["components"]["schemas"].update(Person=d["components"]["schemas"].pop("Owner")),
    ),
    "another key opens": lambda d: operation(d, "get").update(security=[{"apiKey": []}, {"bearer": []}, {"pub": []}]),
    "no key is needed": lambda d: operation(d, "get").update(security=[]),
    "texts": lambda d: operation(d, "get").update(summary="Other", description="words"),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_it_lets_pass(kind):
    assert after(HARMLESS[kind]) == []
