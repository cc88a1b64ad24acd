"""What of a description would break a client that was written for an earlier one.

A client sends what the earlier one allows, and reads what it promises. So what may be sent must not shrink, and what is answered must
not grow stranger: a field that was always there stays, with its type; words of an answer stay, and more may come (clients expect them,
the description says so); more fields may come. Texts and examples do not matter.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
BOUNDS = (("minLength", 1), ("minimum", 1), ("minItems", 1), ("maxLength", -1), ("maximum", -1), ("maxItems", -1))
"""A bound, and whether it narrows by growing (1) or by shrinking (-1)."""
TYPES = {"string", "number", "integer", "boolean", "object", "array", "null"}


def breaks(before: dict, after: dict) -> list[str]:
    """A sentence for each break, with its place."""
    found = list(_Comparison(before, after).all())
    return sorted(dict.fromkeys(found))


TEXTS = {"description", "example", "examples", "summary", "title", "headers", "tags", "servers"}


def essence(described: Any, name: str = "") -> Any:
    """A description without what no client goes by: texts, examples, and the refusals, which are all alike."""
    if isinstance(described, dict):
        kept = {key: value for key, value in described.items() if name == "properties" or key not in TEXTS}
        if name == "responses":
            kept = {status: value for status, value in kept.items() if status.startswith("2")}
        return {key: essence(value, key) for key, value in kept.items()}
    if isinstance(described, list):
        return [essence(each) for each in described]
    return described


class _Comparison:
    def __init__(self, before: dict, after: dict):
        self.before, self.after = before, after
        self.kept: dict[tuple[str, str, bool], list[str]] = {}

    # -- operations ---------------------------------------------------------------------------------------------------
    def all(self) -> Iterator[str]:
        for path, methods in self.before["paths"].items():
            for method, operation in methods.items():
                at = f"{method.upper()} {path}"
                now = self.after["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"{at}: is gone"
                    continue
                yield from self._operation(operation, now, at)
        for name, hook in self.before.get("webhooks", {}).items():
            at = f"webhook {name}"
            now = self.after.get("webhooks", {}).get(name)
            if now is None:
                yield f"{at}: is gone"
                continue
            # a client reads what is sent to it
            was, is_now = (_json(each["post"].get("requestBody", {})) for each in (hook, now))
            yield from self._answer(was, is_now, at)

    def _operation(self, was: dict, now: dict, at: str) -> Iterator[str]:
        if was["operationId"] != now["operationId"]:
            yield f"{at}: is called {now['operationId']} instead of {was['operationId']}, which generated clients call"
        yield from self._security(was, now, at)
        yield from self._parameters(was, now, at)
        body, body_now = self._resolved(self.before, was.get("requestBody", {})), now.get("requestBody", {})
        body_now = self._resolved(self.after, body_now)
        if body_now.get("required") and not body.get("required"):
            yield f"{at}: needs a body now"
        if body and not body_now:
            yield f"{at}: takes no body any more"
        elif body:
            yield from self._request(_json(body), _json(body_now), f"{at} body")
        for status, answer in was["responses"].items():
            if not status.startswith("2"):
                continue
            if status not in now["responses"]:
                yield f"{at}: does not answer {status} any more"
                continue
            told, told_now = self._resolved(self.before, answer), self._resolved(self.after, now["responses"][status])
            if told.get("content") and not told_now.get("content"):
                yield f"{at} {status}: has no body any more"
            elif told.get("content"):
                yield from self._answer(_json(told), _json(told_now), f"{at} {status}")

    def _security(self, was: dict, now: dict, at: str) -> Iterator[str]:
        before = was.get("security", self.before.get("security", []))
        after = now.get("security", self.after.get("security", []))
        if not before and after:
            yield f"{at}: needs a key now"
            return
        for way in before if after else ():
            if not any(set(other) <= set(way) for other in after):
                yield f"{at}: is not opened by {' and '.join(sorted(way))} any more"

    def _parameters(self, was: dict, now: dict, at: str) -> Iterator[str]:
        def told(operation: dict, description: dict) -> dict[tuple[str, str], dict]:
            found = [self._resolved(description, each) for each in operation.get("parameters", ())]
            return {(each["in"], each["name"]): each for each in found}

        before, after = told(was, self.before), told(now, self.after)
        for key, parameter in before.items():
            where, name = key
            if key not in after:
                yield f"{at} {where} {name}: is not taken any more"
                continue
            if after[key].get("required") and not parameter.get("required"):
                yield f"{at} {where} {name}: is required now"
            yield from self._request(parameter.get("schema", {}), after[key].get("schema", {}), f"{at} {where} {name}")
        for (where, name), parameter in after.items():
            if (where, name) not in before and parameter.get("required"):
                yield f"{at} {where} {name}: is required and was not there"

    # -- what is sent -------------------------------------------------------------------------------------------------
    def _request(self, was: Schema, now: Schema, at: str) -> Iterator[str]:
        """Whatever could be sent can be sent."""
        if "$ref" in was and "$ref" in now:
            yield from self._nouns(was["$ref"], now["$ref"], at, is_answer=False)
            return
        was, now = self._resolved(self.before, was), self._resolved(self.after, now)
        if gone := self._types(self.before, was) - _wide(self._types(self.after, now)):
            yield f"{at}: may not be {' or '.join(sorted(gone))} any more"
            return
        if "enum" in now and (
            missing := [one for one in was.get("enum", ["any other word"]) if one not in now["enum"]]
        ):
            yield f"{at}: takes {', '.join(map(str, missing))} no more"
        for name, direction in BOUNDS:
            if name in now and (name not in was or (now[name] - was[name]) * direction > 0):
                yield f"{at}: {name} is {now[name]} instead of {was.get(name, 'unbounded')}"
        for name in ("pattern", "format"):
            if name in now and now[name] != was.get(name):
                yield f"{at}: must have the {name} {now[name]}"
        yield from self._choices(was, now, at, is_answer=False)
        fields, fields_now = was.get("properties", {}), now.get("properties", {})
        if now.get("additionalProperties") is False:
            for name in fields.keys() - fields_now.keys():
                yield f"{at}.{name}: is not taken any more"
            if was.get("additionalProperties") is not False and ("properties" in was or was.get("type") == "object"):
                yield f"{at}: takes no other fields any more"
        for name in set(now.get("required", ())) - set(was.get("required", ())):
            yield f"{at}.{name}: is required now"
        for name in fields.keys() & fields_now.keys():
            yield from self._request(fields[name], fields_now[name], f"{at}.{name}")
        if "items" in now:
            yield from self._request(was.get("items", {}), now["items"], f"{at}[]")

    # -- what is answered ---------------------------------------------------------------------------------------------
    def _answer(self, was: Schema, now: Schema, at: str) -> Iterator[str]:
        """Whoever read the old answer can read the new one."""
        if "$ref" in was and "$ref" in now:
            yield from self._nouns(was["$ref"], now["$ref"], at, is_answer=True)
            return
        was, now = self._resolved(self.before, was), self._resolved(self.after, now)
        if strange := self._types(self.after, now) - _wide(self._types(self.before, was)):
            yield f"{at}: may be {' or '.join(sorted(strange))} now"
            return
        if "enum" in was:
            if "enum" not in now:
                yield f"{at}: may be any word now"
            elif gone := [one for one in was["enum"] if one not in now["enum"]]:
                yield f"{at}: is never {', '.join(map(str, gone))} any more"
        if was.get("format", now.get("format")) != now.get("format"):
            yield f"{at}: has the format {now.get('format')} instead of {was['format']}"
        yield from self._choices(was, now, at, is_answer=True)
        fields, fields_now = was.get("properties", {}), now.get("properties", {})
        for name in fields.keys() - fields_now.keys():
            yield f"{at}.{name}: is gone"
        for name in set(was.get("required", ())) & fields_now.keys() - set(now.get("required", ())):
            yield f"{at}.{name}: may be missing now"
        for name in fields.keys() & fields_now.keys():
            yield from self._answer(fields[name], fields_now[name], f"{at}.{name}")
        if "items" in was:
            yield from self._answer(was["items"], now.get("items", {}), f"{at}[]")

    # -- both ---------------------------------------------------------------------------------------------------------
    def _choices(self, was: Schema, now: Schema, at: str, *, is_answer: bool) -> Iterator[str]:
        """``anyOf`` and ``oneOf``: each shape that was allowed to be sent, or that is answered now, must fit one of the others."""
        old, new = _shapes(was), _shapes(now)
        if old == [was] and new == [now]:
            return
        for place, shape in enumerate(new if is_answer else old):
            compare = self._answer if is_answer else self._request
            others = old if is_answer else new
            tries = [list(compare(*((one, shape) if is_answer else (shape, one)), f"{at}|{place}")) for one in others]
            best = min(tries, key=len)
            yield from best

    def _nouns(self, was: str, now: str, at: str, *, is_answer: bool) -> Iterator[str]:
        """Two nouns with names of their own, compared once. A noun may hold itself."""
        key = (was, now, is_answer)
        if key not in self.kept:
            self.kept[key] = []
            compare = self._answer if is_answer else self._request
            both = self._resolved(self.before, {"$ref": was}), self._resolved(self.after, {"$ref": now})
            self.kept[key] = list(compare(*both, ""))
        yield from (f"{at}{told}" for told in self.kept[key])

    def _types(self, description: dict, schema: Schema) -> set[str]:
        """The types that a schema allows; all of them where it names none."""
        schema = self._resolved(description, schema)
        if "type" in schema:
            return {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
        if (shapes := _shapes(schema)) != [schema]:
            return set().union(*(self._types(description, shape) for shape in shapes))
        return set(TYPES)

    @staticmethod
    def _resolved(description: dict, thing: dict) -> dict:
        while "$ref" in thing:
            found: Any = description
            for part in thing["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            thing = found
        return thing


def _json(told: dict) -> Schema:
    return told.get("content", {}).get("application/json", {}).get("schema", {})


def _shapes(schema: Schema) -> list[Schema]:
    return schema.get("anyOf") or schema.get("oneOf") or [schema]


def _wide(types: set[str]) -> set[str]:
    """Whoever takes numbers takes whole ones."""
    return types | ({"integer"} if "number" in types else set())
