"""The API's description, OpenAPI 3.1, made from the views once a process.

Addresses, parameters and request bodies come from the routes, filters and serializers themselves; answers from the
rooms' ``api/examples.py``. What all have in common (keys, errors, limits) is described once.
"""

import importlib
import re
import threading
from typing import Any

import django_filters
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema
from drf_spectacular.plumbing import append_meta
from rest_framework import serializers

from incenta.api import lists, parameters
from incenta.api.examples import Face, Nullable, Operation, Sometimes, example_of, schema_of
from incenta.api.json import dumps
from incenta.api.refusals import ERROR, OF_PUBLIC, OF_READING, OF_WRITING, REFUSALS
from incenta.api.views import ApiView
from incenta.events.catalogue import EVENT_TYPES, EventType
from incenta.serializers import Serializer, camel

PAGINATION = Face(
    "Pagination",
    {
        "page": Sometimes(1),
        "limit": 25,
        "totalItems": Sometimes(120),
        "totalPages": Sometimes(5),
        "nextCursor": Nullable("WyJyZWZfMDFtODMxYjJxdHMwNWZlbjR2ZHE2N2Y0cXAiXQ"),
    },
)
TAGS = {
    "campaigns": "What is rewarded, how much, for whom and until when.",
    "referrals": "Codes, and the links that are shared.",
    "clicks": "Who came by a link.",
    "conversions": "Friends who did what a campaign rewards, and taking that back.",
    "rewards": "What was earned: held, claimed, approved, paid, redeemed.",
    "stats": "Figures of a campaign and of the app.",
    "users": "One person: figures, rewards, all that is held of him, and his erasure.",
    "incentives": "Points: actions, events, balances, levels, badges, milestones, boards, the catalog.",
    "marketplace": "Businesses, their listings, and redeeming there.",
    "fraud": "What speaks against somebody, and what is decided about it.",
    "webhooks": "Endpoints, deliveries, and what arrives there.",
    "events": "The feed of all that happened.",
    "test-clock": "A sandbox's time.",
    "description": "This description.",
}
"""In the order in which they are told. What has none here is named by the beginning of its address."""
RENAMED_TAGS = {"incentives/marketplace": "marketplace", "openapi.json": "description"}
VERBS = {"get": "get", "post": "create", "patch": "update", "put": "replace", "delete": "delete"}


def operation_of(view: ApiView, method: str) -> Operation | None:
    """What the room tells of a view's method by example. Views that inherit share what is not told of them alone."""
    for kind in type(view).__mro__:
        room = kind.__module__.rpartition(".")[0]
        if not room or kind is ApiView:
            return None
        try:
            examples = importlib.import_module(f"{room}.examples")
        except ModuleNotFoundError:
            continue
        if found := getattr(examples, "OPERATIONS", {}).get((kind.__name__, method)):
            return found
    return None


class AutoSchema(SpectacularAutoSchema):
    """Describes one view as :class:`ApiView` answers it."""

    body_serializer: Serializer | None = None
    operation_id = ""

    def get_operation(self, path, path_regex, path_prefix, method, registry) -> dict | None:
        self.registry, self.path, self.path_regex, self.method = registry, path, path_regex, method.upper()
        self.path_prefix = path_prefix
        if not isinstance(self.view, ApiView) or path.startswith("/api/"):
            return None
        known = operation_of(self.view, method.lower()) or Operation(summary="")
        components = self.components
        self.operation_id = known.id or self.get_operation_id()
        found: dict[str, Any] = {"operationId": self.operation_id, "tags": self.get_tags()}
        if known.summary:
            found["summary"] = known.summary
        if known.description:
            found["description"] = known.description
        if parameters := [*self._path(known), *self._query(known), *self._headers()]:
            found["parameters"] = parameters
        if body := self._body(known):
            found["requestBody"] = body
        if self.view.public:
            found["security"] = []
        elif self.method in self.view.publishable:
            in_browsers: dict[str, list] = {"publishableKey": []}
            if self.method in self.view.of_user:
                in_browsers["userToken"] = []
            found["security"] = [{"apiKey": []}, {"bearer": []}, in_browsers]
        elif self.view.point_of_sale:
            found["security"] = [{"apiKey": []}, {"bearer": []}, {"pointOfSaleKey": []}]
        found["responses"] = self._answers(known, components)
        return found

    @property
    def components(self) -> dict[str, dict]:
        """The faces met so far, kept beside the generator's own components until both are joined."""
        if not hasattr(self.registry, "faces"):
            self.registry.faces = {}
        return self.registry.faces

    # -- names -------------------------------------------------------------------------------------------------------
    def get_tags(self) -> list[str]:
        rest = self.path.split("/", 2)[2]
        renamed = (tag for start, tag in RENAMED_TAGS.items() if f"{rest}/".startswith(f"{start}/"))
        return [next(renamed, None) or rest.split("/")[0]]

    def get_operation_id(self) -> str:
        """``createReferral``, ``listReferrals``, ``claimReward``: the verb of the method, or of the address."""
        parts = [part for part in self.path.split("/")[2:] if part]
        words = [part for part in parts if not part.startswith("{")]
        method = self.method.lower()
        ends_in_id = parts[-1].startswith("{")
        if method == "post" and len(parts) > 1 and parts[-2].startswith("{"):
            # an act on one thing: /rewards/{id}/claim
            return camel("_".join([words[-1].replace("-", "_"), *map(_singular, words[:-1])]))
        is_list = method == "get" and isinstance(self.view, lists.ListView)
        nouns = [_singular(word) for word in words[:-1]] + [words[-1] if is_list else _singular(words[-1])]
        if ends_in_id or not is_list:
            nouns[-1] = _singular(nouns[-1])
        verb = "list" if is_list else VERBS.get(method, method)
        return camel("_".join([verb, *(noun.replace("-", "_").replace(".", "_") for noun in nouns)]))

    # -- parameters --------------------------------------------------------------------------------------------------
    def _path(self, known: Operation) -> list[dict]:
        found = []
        for converter, name in re.findall(r"<(?:(\w+):)?(\w+)>", self.path_regex):
            schema: dict[str, Any] = {"type": "string", "minLength": 1}
            if converter == "int":
                schema = {"type": "integer", "minimum": 0}
            if camel(name) == "userId":
                schema["maxLength"] = 255
            parameter = {"name": camel(name), "in": "path", "required": True, "schema": schema}
            if description := parameters.IN_PATH.get(camel(name)):
                parameter["description"] = description
            if camel(name) in known.path:
                parameter["example"] = known.path[camel(name)]
            found.append(parameter)
        return found

    def _query(self, known: Operation) -> list[dict]:
        found = []
        if self.method == "GET" and isinstance(self.view, lists.ListView):
            for name, given in self.view.filterset_class.base_filters.items() if self.view.filterset_class else ():
                parameter = {"name": name, "in": "query", "schema": _schema_of_filter(given)}
                if description := known.filters.get(name) or parameters.IN_QUERY.get(name):
                    parameter["description"] = description
                found.append(parameter)
            found += parameters.PAGES
        for name, (description, example) in known.query.items():
            schema = schema_of(example, self.components)
            parameter = {"name": name, "in": "query", "description": description, "schema": schema}
            if name in known.required:
                parameter["required"] = True
            found.append(parameter | {"example": example_of(example)})
        return found

    def _headers(self) -> list[dict]:
        return [{"$ref": "#/components/parameters/IdempotencyKey"}] if self.method == "POST" else []

    # -- bodies ------------------------------------------------------------------------------------------------------
    def _body(self, known: Operation) -> dict | None:
        serializer = getattr(self.view, "serializer_class", None)
        if self.method not in ("POST", "PATCH", "PUT") or serializer is None:
            return None
        self.body_serializer = serializer(partial=self.method == "PATCH")
        component = self.resolve_serializer(self.body_serializer, "request")
        schema = component.ref if component.schema else {"type": "object", "additionalProperties": False}
        is_required = bool(component.schema and component.schema.get("required"))
        content: dict[str, Any] = {"schema": schema}
        if known.body is not None:
            content["example"] = known.body
        return {"required": is_required, "content": {"application/json": content}}

    def _get_serializer_name(self, serializer, direction, bypass_extensions=False) -> str:
        """The body of an operation is named after it; what is inside keeps its own name, or its room's where two rooms
        have the same."""
        if serializer is self.body_serializer:
            return self.operation_id[0].upper() + self.operation_id[1:] + "Request"
        kind = type(getattr(serializer, "child", serializer))
        names = self.registry.__dict__.setdefault("kinds", {})
        if names.setdefault(kind.__name__, kind) is kind:
            return kind.__name__
        return kind.__module__.partition(".")[0].capitalize() + kind.__name__

    def _map_basic_serializer(self, serializer, direction):
        schema = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, Serializer):
            schema["properties"] = {camel(name): inner for name, inner in schema.get("properties", {}).items()}
            if "required" in schema:
                schema["required"] = sorted(map(camel, schema["required"]))
            schema["additionalProperties"] = False  # a misspelt field is refused
            schema.pop("description", None)  # docstrings are for those who read the code
        return schema

    def _map_serializer_field(self, field, direction, bypass_extensions=False):
        # append_meta turns "nullable", which OpenAPI 3.1 no longer knows, into a type
        if hasattr(field, "json_schema"):
            return append_meta(field.json_schema(), self._get_serializer_field_meta(field, direction))
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        if isinstance(field, serializers.ChoiceField) and not isinstance(field, serializers.MultipleChoiceField):
            # inline, without a component for every list of words
            words = [*field.choices, *([None] if field.allow_null else [])]
            schema = append_meta({"type": "string", "enum": words}, self._get_serializer_field_meta(field, direction))
        return schema

    # -- answers -----------------------------------------------------------------------------------------------------
    def _answers(self, known: Operation, components: dict) -> dict:
        found = {}
        if self.method == "DELETE" and known.answer is None:
            found["204"] = {"description": "Done."}
        else:
            shape = known.answer
            if known.item is not None:
                shape = {self.view.plural: [known.item], "pagination": PAGINATION, **known.beside}
            content: dict[str, Any] = {"schema": self._named(schema_of(shape, components))}
            if shape is not None:
                content["example"] = example_of(shape)
            for status, description in {known.status: known.summary or "Done.", **known.also}.items():
                found[str(status)] = {"description": description, "content": {"application/json": content}}
        for status in OF_PUBLIC if self.view.public else OF_READING if self.method == "GET" else OF_WRITING:
            codes = known.codes.get(status, ())
            if status == 404 and not codes and "{" not in self.path:
                continue
            found[str(status)] = {"$ref": f"#/components/responses/{REFUSALS[status].name}"}
            if codes:
                told = ", ".join(f"`{code}`" for code in codes)
                found[str(status)] |= {"description": f"{REFUSALS[status].text} Codes: {told}."}
        return found

    def _named(self, schema: dict) -> dict:
        """An answer that is no noun of its own, under the name of its operation: generated clients show the name."""
        if "properties" not in schema:
            return schema
        name = self.operation_id[0].upper() + self.operation_id[1:] + "Response"
        self.components[name] = schema
        return {"$ref": f"#/components/schemas/{name}"}


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "stats")) else word


def _schema_of_filter(given: django_filters.Filter) -> dict:
    if isinstance(given, django_filters.ChoiceFilter):
        return {"type": "string", "enum": [value for value, _ in given.extra["choices"]]}
    if isinstance(given, lists.MomentFilter):
        return {"type": "string", "format": "date-time"}
    if isinstance(given, lists.TruthFilter):
        return {"type": "string", "enum": ["true", "false"]}
    if isinstance(given, django_filters.NumberFilter):
        return {"type": "number"}
    return {"type": "string", "minLength": 1, "maxLength": given.extra.get("max_length", 255)}


_LIMITS = {
    "RateLimit-Limit": "Calls that this key may make in a minute.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "Seconds until the count starts anew.",
}
DESCRIPTION = """\
Referral programmes, incentives and a marketplace.

Send your key as `x-api-key`, or as `Authorization: Bearer`. `inc_live_` keys reach the live app, `inc_test_` keys its
sandbox; the two share no data. Times are ISO 8601 in UTC with milliseconds, money is a number in the currency's major
unit. Lists answer `pagination` beside their items. Every refusal has the same shape, and every answer an `X-Request-Id`.
"""


class Generator(SchemaGenerator):
    """The whole description as one dictionary."""

    def describe(self) -> dict:
        found = self.get_schema(request=None, public=True)
        faces = getattr(self.registry, "faces", {})
        schema_of(ERROR, faces)
        headers = {
            name: {"schema": {"type": "integer"}, "description": description} for name, description in _LIMITS.items()
        }
        headers["X-Request-Id"] = {"schema": {"type": "string"}, "description": "Names this call in logs."}
        responses = {}
        for status, refusal in REFUSALS.items():
            content = {"schema": {"$ref": "#/components/schemas/Error"}, "example": refusal.example}
            told = {"description": refusal.description, "content": {"application/json": content}}
            responses[refusal.name] = told | {"headers": _references(headers)}
            if status in (429, 503):
                retry = {"schema": {"type": "integer"}, "description": "Seconds."}
                responses[refusal.name]["headers"] |= {"Retry-After": retry}
        for operations in found["paths"].values():
            for operation in operations.values():
                for answer in operation["responses"].values():
                    if "$ref" not in answer:
                        answer["headers"] = _references(headers)
        components = found.setdefault("components", {})
        components["schemas"] = dict(sorted((components.get("schemas", {}) | faces).items()))
        components |= {
            "responses": responses,
            "parameters": parameters.SHARED,
            "headers": headers,
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "publishableKey": {
                    "type": "apiKey", "in": "header", "name": "x-api-key",
                    "description": "A publishable key (`inc_pub_`), from one of the app's allowed domains.",
                },
                "userToken": {
                    "type": "apiKey", "in": "header", "name": "x-user-token",
                    "description": "Beside a publishable key: a JSON Web Token that the merchant's server has signed for this user.",
                },
                "pointOfSaleKey": {
                    "type": "apiKey", "in": "header", "name": "x-api-key",
                    "description": "A key of scope `pos`: a till's, which checks and fulfils codes and can do nothing else.",
                },
            },
        }  # fmt: skip
        # parameters of paths travel in camelCase like every other name
        found["paths"] = {
            re.sub(r"{(\w+)}", lambda name: "{" + camel(name[1]) + "}", path): operations
            for path, operations in found["paths"].items()
        }
        found["info"]["description"] = DESCRIPTION
        found["security"] = [{"apiKey": []}, {"bearer": []}]
        found["servers"] = [{"url": settings.BASE_URL}]
        found["tags"] = [{"name": name, "description": told} for name, told in TAGS.items()]
        found["webhooks"] = {kind.name: _webhook(kind) for kind in EVENT_TYPES.values()}
        return found


def _references(headers: dict) -> dict:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _webhook(kind: EventType) -> dict:
    """What arrives at an endpoint, as the catalogue promises it."""
    schema = {name: value for name, value in kind.body_schema.items() if name != "$schema"}
    return {
        "post": {
            "operationId": camel(f"on_{kind.name.lower()}"),
            "tags": ["webhooks"],
            "summary": kind.description,
            "parameters": parameters.DELIVERED,
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": schema, "example": kind.body_example}},
            },
            "responses": {"2XX": {"description": "Received. Anything else is sent again later."}},
        }
    }


_made: bytes | None = None
_making = threading.Lock()


def description() -> bytes:
    """The description as JSON, made at the first call of the process."""
    global _made
    with _making:
        if _made is None:
            _made = dumps(Generator().describe()).encode()
    return _made


class OpenApiView(ApiView):
    """``GET /v1/openapi.json``. Needs no key."""

    public = True

    def get(self, request):
        return HttpResponse(
            description(), content_type="application/json", headers={"Cache-Control": "public, max-age=300"}
        )
