"""The camelCase base: fields are declared in Python's spelling and travel in JavaScript's.

Only declared fields are renamed, on the way in, on the way out and in errors; what is inside ``metadata`` is the client's.
"""

from functools import cache

from rest_framework import serializers
from rest_framework.exceptions import ValidationError


@cache
def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


class Serializer(serializers.Serializer):
    """Input or output in camelCase. Unknown input is refused: a misspelt ``holdDay`` must not silently pay early."""

    def to_internal_value(self, data):
        if not isinstance(data, dict):
            raise ValidationError({"body": ["Must be a JSON object."]})
        known = {camel(name): name for name, field in self.fields.items() if not field.read_only}
        unknown = [key for key in data if key not in known]
        if unknown:
            raise ValidationError({str(key)[:100]: ["Is not a field of this request."] for key in unknown}, code="unknown_field")
        try:
            return super().to_internal_value({known[key]: value for key, value in data.items()})
        except ValidationError as error:
            raise ValidationError(_camel_keys(error.detail)) from None

    def run_validation(self, data=serializers.empty):
        try:
            return super().run_validation(data)
        except ValidationError as error:
            raise ValidationError(_camel_keys(error.detail)) from None

    def to_representation(self, instance):
        return {camel(name): value for name, value in super().to_representation(instance).items()}


def _camel_keys(detail):
    if isinstance(detail, dict):
        return {camel(key) if key.islower() else key: told for key, told in detail.items()}
    return detail
