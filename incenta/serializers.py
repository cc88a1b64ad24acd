"""The camelCase base: fields are declared in Python's spelling and travel in JavaScript's.

Only declared fields are renamed, on the way in, on the way out and in errors; what is inside ``metadata`` is the
client's.
"""

import threading
from collections.abc import Callable
from functools import cache

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.settings import api_settings


@cache
def camel(name: str) -> str:
    """``reward_value`` as ``rewardValue``; a name without underscores stays as it is."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def flat(detail: object, path: str = "") -> dict[str, list]:
    """DRF's nested errors as one level, ``{"tiers.1.rewardValue": […]}``; what is of no field stands under ``body``."""
    if isinstance(detail, dict):
        found: dict[str, list] = {}
        for name, inner in detail.items():
            name = path if name == api_settings.NON_FIELD_ERRORS_KEY else f"{path}.{name}" if path else str(name)
            for field, told in flat(inner, name).items():
                found.setdefault(field, []).extend(told)
        return found
    if isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        found = {}
        for index, inner in enumerate(detail):
            found |= flat(inner, f"{path}.{index}" if path else str(index))
        return found
    return {path or "body": list(detail) if isinstance(detail, list) else [detail]} if detail else {}


class _Named(ValidationError):
    """Errors that already stand under the names that the client uses."""


class Serializer(serializers.Serializer):
    """Input or output in camelCase. Unknown input is refused: a misspelt ``holdDay`` must not silently pay early.

    ``parse`` and ``show`` are the fast way in and out: they keep one instance a thread, where DRF would copy every
    field anew for every request.
    """

    def to_internal_value(self, data):
        if not isinstance(data, dict):
            raise _Named({api_settings.NON_FIELD_ERRORS_KEY: ["Must be a JSON object."]})
        known = self._known_names
        unknown = [key for key in data if key not in known]
        if unknown:
            raise _Named(
                {
                    str(key)[:100]: [ErrorDetail("Is not a field of this request.", "unknown_field")]
                    for key in unknown[:20]
                }
            )
        named = {known[key]: value for key, value in data.items()}
        if wrong := {camel(name): [told] for name, value in named.items() if (told := self._wrong_type(name, value))}:
            raise _Named(wrong)
        try:
            return super().to_internal_value(named)
        except ValidationError as error:
            raise _Named(self._camel_keys(error.detail)) from None

    def _wrong_type(self, name: str, value: object) -> str | None:
        """Why a value is not of the JSON type that its field wants. DRF alone would take ``"no"`` for false, 5 for text
        and ``"5"`` for a number, as forms need it."""
        try:
            check = self._checks[name]
        except AttributeError:
            self._checks = {name: _json_type(field) for name, field in self.fields.items()}
            check = self._checks[name]
        return check(value) if check is not None and value is not None else None

    def run_validation(self, data=serializers.empty):
        try:
            return super().run_validation(data)
        except _Named:
            raise
        except ValidationError as error:
            raise _Named(self._camel_keys(error.detail)) from None

    def to_representation(self, instance):
        return {camel(name): value for name, value in super().to_representation(instance).items()}

    @property
    def _known_names(self) -> dict[str, str]:
        try:
            return self._known
        except AttributeError:
            self._known = {camel(name): name for name, field in self.fields.items() if not field.read_only}
            return self._known

    def _camel_keys(self, detail):
        if isinstance(detail, dict):
            fields = self.fields
            return {camel(key) if key in fields else key: told for key, told in detail.items()}
        return detail

    # -- the fast way ------------------------------------------------------------------------------------------------
    @classmethod
    def _kept(cls) -> "Serializer":
        kept = _instances.__dict__
        instance = kept.get(cls)
        if instance is None:
            instance = kept[cls] = cls()
        return instance

    @classmethod
    def parse(cls, data: object, *, partial: bool = False, **context) -> dict:
        """The validated values of a request body, under Python's names. Raises DRF's ``ValidationError``."""
        instance = cls._kept()
        instance._context, instance.partial = context, partial
        try:
            return instance.run_validation(data)
        finally:
            instance._context, instance.partial = {}, False

    @classmethod
    def show(cls, instance: object, **context) -> dict:
        """The public face of one object."""
        kept = cls._kept()
        kept._context = context
        return kept.to_representation(instance)

    @classmethod
    def show_all(cls, instances, **context) -> list[dict]:
        """The public faces of many objects."""
        kept = cls._kept()
        kept._context = context
        return [kept.to_representation(instance) for instance in instances]


_instances = threading.local()


def _text(value: object) -> str | None:
    return None if isinstance(value, str) else "Must be text."


def _whole_number(value: object) -> str | None:
    # 5.0 is the number 5 to everyone who has but one type of number
    is_whole = type(value) is int or (isinstance(value, float) and value.is_integer())
    return None if is_whole else "Must be a whole number."


def _truth(value: object) -> str | None:
    return None if isinstance(value, bool) else "Must be true or false."


def _json_type(field: serializers.Field) -> Callable[[object], str | None] | None:
    """What tells why a value is not of the field's JSON type; ``None`` for fields that tell so themselves."""
    if isinstance(field, serializers.BooleanField):
        return _truth
    if isinstance(field, serializers.IntegerField):
        return _whole_number
    if isinstance(field, serializers.CharField):
        return _text
    if isinstance(field, serializers.ChoiceField) and all(isinstance(word, str) for word in field.choices):
        return _text
    if isinstance(field, serializers.ListField) and (inner := _json_type(field.child)):
        return lambda value: next(filter(None, map(inner, value)), None) if isinstance(value, list) else None
    return None
