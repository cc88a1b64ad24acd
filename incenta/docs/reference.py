"""The reference: the API's own description, by resource, with a call and an answer for each operation.

Nothing is written here that the description does not say.
"""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from incenta.api.schema import description

from . import markdown
from .own import Blanks, by_field
from .schemas import Field, Schemas, limits_of

PLACES = (
    ("campaigns", "Campaigns", ("campaigns",)),
    ("referrals", "Referrals and clicks", ("referrals", "clicks")),
    ("conversions", "Conversions and figures", ("conversions", "stats")),
    ("rewards", "Rewards", ("rewards",)),
    ("users", "Users", ("users",)),
    ("actions", "Actions and events", ("incentives/actions", "incentives/events")),
    (
        "balances",
        "Balances and the ledger",
        ("incentives/balances", "incentives/adjustments", "incentives/users", "incentives/ledger"),
    ),
    (
        "progress",
        "Levels, badges, milestones",
        ("incentives/levels", "incentives/badges", "incentives/milestones", "incentives/backfills"),
    ),
    ("leaderboard", "Leaderboard", ("incentives/leaderboard",)),
    ("catalog", "Catalog", ("incentives/catalog", "incentives/redeem", "incentives/redemptions")),
    ("marketplace", "Marketplace", ("incentives/marketplace",)),
    ("incentives", "Settings of incentives", ("incentives",)),
    ("fraud", "Fraud", ("fraud",)),
    ("webhooks", "Webhooks and the feed", ("webhooks", "events")),
    ("sandbox", "Test clock", ("test-clock",)),
    ("description", "The description itself", ("openapi.json",)),
)
"""Name, title and beginnings of paths, the longest of which counts. What begins otherwise has a page named after its tag."""
EVENTS = "events"
KEYS = {"publishableKey": "a publishable key in a browser", "pointOfSaleKey": "a till's key"}
"""What opens an operation beside a full key, by the description's name of it."""


class Parameter(NamedTuple):
    name: str
    place: str
    type: str
    is_required: bool
    text: SafeString
    words: tuple[str, ...]
    limits: str


class Answer(NamedTuple):
    status: str
    text: SafeString
    example: SafeString | str
    fields: list[Field]
    is_refusal: bool


@dataclass
class Operation:
    """One method of one address. ``mark`` is its anchor."""

    mark: str
    method: str
    path: str
    title: str
    text: SafeString
    needs: str
    parameters: list[Parameter]
    body: list[Field]
    call: SafeString
    answers: list[Answer]
    refusals: list[Answer]


@dataclass
class Resource:
    """One page of the reference."""

    slug: str
    title: str
    operations: list[Operation] = field(default_factory=list)
    html: str = ""
    blanks: Blanks = field(default_factory=Blanks)

    @property
    def url(self) -> str:
        return reverse("docs_resource", args=[self.slug])


class Event(NamedTuple):
    name: str
    text: SafeString
    fields: list[Field]
    example: SafeString


@cache
def described() -> dict[str, Any]:
    """The whole description, once a process."""
    return json.loads(description())


@cache
def resources() -> dict[str, Resource]:
    """Every page, in order, rendered."""
    schemas = Schemas(described())
    found = {slug: Resource(slug, title) for slug, title, _ in PLACES}
    for path, methods in described()["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            slug = slug_of(path) or operation["tags"][0]
            resource = found.setdefault(slug, Resource(slug, slug.replace("-", " ").capitalize()))
            resource.operations.append(_operation(path, method, operation, schemas, resource.blanks))
    found = {slug: resource for slug, resource in found.items() if resource.operations}
    for resource in found.values():
        resource.html = render_to_string("docs/operations.html", {"resource": resource})
    return found


@cache
def events() -> list[Event]:
    """What arrives at endpoints, by name."""
    schemas = Schemas(described())
    found = []
    for name, methods in sorted(described()["webhooks"].items()):
        content = methods["post"]["requestBody"]["content"]["application/json"]
        body = schemas.resolved(content["schema"])
        data = body.get("properties", {}).get("data", {})
        example = markdown.figure(
            json.dumps(content["example"], indent=2, ensure_ascii=False),
            "json",
            label="The body that is sent",
            told=f"Body of {name}",
            mark=f"example-{name}",
        )
        text = markdown.line(methods["post"].get("summary", ""))
        found.append(Event(name, text, schemas.fields(data), example))
    return found


def slug_of(path: str) -> str:
    """The page of an address; empty where none is told."""
    rest = path.removeprefix("/v1/") + "/"
    fits = [(len(start), slug) for slug, _, starts in PLACES for start in starts if rest.startswith(f"{start}/")]
    return max(fits)[1] if fits else ""


# --- one operation ---------------------------------------------------------------------------------------------------
def _operation(path: str, method: str, told: dict, schemas: Schemas, blanks: Blanks) -> Operation:
    mark = told["operationId"]
    parameters = [schemas.resolved(each) for each in told.get("parameters", ())]
    content = told.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = _example(content, schemas)
    answers = [_answer(mark, status, each, schemas) for status, each in told["responses"].items()]
    return Operation(
        mark=mark,
        method=method.upper(),
        path=path,
        title=told.get("summary", mark),
        text=markdown.line(told.get("description", "")),
        needs=_needs(method, told.get("security", described().get("security", ()))),
        parameters=[_parameter(each, schemas) for each in parameters],
        body=schemas.fields(content["schema"]) if content else [],
        call=markdown.figure(
            call(path, method.upper(), parameters, body, blanks),
            "sh",
            label="Shell",
            told=f"{told.get('summary', mark)}: the call",
            mark=f"call-{mark}",
        ),
        answers=[each for each in answers if not each.is_refusal],
        refusals=[each for each in answers if each.is_refusal],
    )


def _needs(method: str, security: list[dict]) -> str:
    if not security:
        return "no key"
    names = {name for each in security for name in each}
    first = "a full or a read-only key" if method == "get" else "a full key"
    return ", or ".join([first, *(told for name, told in KEYS.items() if name in names)])


def _parameter(told: dict, schemas: Schemas) -> Parameter:
    schema = schemas.resolved(told.get("schema", {}))
    return Parameter(
        told["name"],
        told["in"],
        schemas.type_of(schema),
        bool(told.get("required")),
        markdown.line(told.get("description", "")),
        tuple(map(str, schema.get("enum", ()))),
        limits_of(schema),
    )


def _example(content: dict, schemas: Schemas) -> Any:
    """The example of a body or an answer: its own, the first of several, or the schema's."""
    if "example" in content:
        return content["example"]
    if content.get("examples"):
        return schemas.resolved(next(iter(content["examples"].values()))).get("value")
    schema = schemas.resolved(content.get("schema", {}))
    return schema.get("example", next(iter(schema.get("examples", ())), None))


def _answer(mark: str, status: str, told: dict, schemas: Schemas) -> Answer:
    told = schemas.resolved(told)
    is_refusal = not status.startswith("2")
    content = told.get("content", {}).get("application/json", {})
    example: SafeString | str = ""
    if content and not is_refusal and (shown := _example(content, schemas)) is not None:
        text = json.dumps(shown, indent=2, ensure_ascii=False)
        example = markdown.figure(
            text, "json", label=f"{status}", told=f"{mark}: the answer {status}", mark=f"answer-{mark}-{status}"
        )
    text = markdown.line(told.get("description", ""))
    fields = [] if is_refusal else schemas.fields(content.get("schema", {}))
    return Answer(status, text, example, fields, is_refusal)


# --- the call --------------------------------------------------------------------------------------------------------
def call(path: str, method: str, parameters: list[dict], body: Any, blanks: Blanks) -> str:
    """How to make the call by curl, with blanks where the reader's own ids fit."""
    owns = by_field()
    given = {each["name"]: each["example"] for each in parameters if "example" in each and each["in"] != "header"}

    def own(key: str, value: str) -> str:
        return blanks.put(owns[key], value) if key in owns else value

    def in_path(found: re.Match) -> str:
        before, name = found[1], found[2]
        value = str(given.get(name, f"${_variable(name)}"))
        key = f"{before}/{name}"
        return f"{before}/{own(key if key in owns else name, value)}"

    address = re.sub(r"(\w[\w-]*)/\{(\w+)\}", in_path, path)
    asked = [each for each in parameters if each["in"] == "query" and "example" in each]
    if 0 < len(asked) <= 2:
        address += "?" + "&".join(f"{each['name']}={own(each['name'], _in_query(each['example']))}" for each in asked)
    lines = [f'curl "$INCENTA_URL{address}"', '-H "x-api-key: $INCENTA_KEY"']
    if method not in ("GET", "POST") or (method == "POST" and body is None):
        lines[0] = lines[0].replace("curl ", f"curl -X {method} ", 1)
    if body is not None:
        lines.append('-H "Content-Type: application/json"')
        text = json.dumps(_filled(body, own), indent=2, ensure_ascii=False).replace("'", "'\\''")
        lines.append(f"-d '{text}'")
    return " \\\n  ".join(lines)


def _filled(value: Any, own: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, own, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, own) for inner in value]
    return own(name, value) if isinstance(value, str) else value


def _in_query(value: Any) -> str:
    return str(value).replace(" ", "%20")


def _variable(name: str) -> str:
    """``campaignId`` → ``CAMPAIGN_ID``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
