"""Fields that many requests share."""

import json
from decimal import Decimal
from ipaddress import ip_address

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from incenta import clock, money
from incenta.errors import InvalidInput

LARGEST_METADATA = 16 * 1024
"""Bytes of ``metadata`` as compact JSON."""


class MoneyNumber(serializers.Field):
    """An amount as a JSON number. Gives a ``Decimal`` that equals what was written, for ``money.parse`` with the
    currency that the verb knows. Numbers in quotes are refused."""

    default_error_messages = {"invalid": "Must be a number."}

    def to_internal_value(self, data: object) -> Decimal:
        if isinstance(data, str):
            self.fail("invalid")
        try:
            number = money.as_decimal(data, "amount")
        except InvalidInput as error:
            raise serializers.ValidationError(error.details["amount"]) from None
        if number < 0:
            raise serializers.ValidationError("Must not be negative.")
        if number > money.LARGEST:
            raise serializers.ValidationError(f"Must not be over {money.LARGEST}.")
        return number

    def to_representation(self, value):
        return value

    def json_schema(self) -> dict:
        return {"type": "number", "minimum": 0, "maximum": money.LARGEST}


class WholeNumber(serializers.IntegerField):
    """A whole JSON number, 5 or 5.0. Numbers in quotes are refused, as ``MoneyNumber`` refuses them."""

    def to_internal_value(self, data: object) -> int:
        if isinstance(data, bool) or not isinstance(data, int | float) or data != data // 1:
            self.fail("invalid")
        return int(data)


class Truth(serializers.BooleanField):
    """``true`` or ``false``, and nothing that merely sounds like it."""

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Moment(serializers.Field):
    """A time: in, ISO 8601 with its zone; out, UTC with milliseconds and ``Z``."""

    def to_internal_value(self, data: object):
        try:
            return clock.parse(data, "time")
        except InvalidInput as error:
            raise serializers.ValidationError(error.details["time"]) from None

    def to_representation(self, value):
        return clock.iso(value)

    def json_schema(self) -> dict:
        return {"type": "string", "format": "date-time"}


class Text(serializers.Field):
    """Text of bounded length, kept as it is. Numbers are not taken for text."""

    def __init__(self, *, max_length: int = 255, min_length: int = 1, **kwargs):
        self.max_length, self.min_length = max_length, min_length
        super().__init__(**kwargs)

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Must be text.")
        if not self.min_length <= len(data) <= self.max_length:
            raise serializers.ValidationError(f"Must have {self.min_length} to {self.max_length} characters.")
        return data

    def to_representation(self, value):
        return value

    def json_schema(self) -> dict:
        return {"type": "string", "minLength": self.min_length, "maxLength": self.max_length}


class UserId(Text):
    """The client's own id of a person: 1 to 255 characters, never parsed, spaces and all."""


class Metadata(serializers.Field):
    """The client's own JSON object, at most 16 KB, handed back as it came."""

    def to_internal_value(self, data: object) -> dict:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Must be an object.")
        if len(json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()) > LARGEST_METADATA:
            raise serializers.ValidationError(f"Must not be over {LARGEST_METADATA // 1024} KB.")
        return data

    def to_representation(self, value):
        return value

    def json_schema(self) -> dict:
        return {"type": "object", "additionalProperties": True}


class Context(serializers.Field):
    """What the merchant saw of the end user (contract, section 3). Gives the parts that were sent, by name.

    ``ip`` is told in its shortest form; a part that is null counts as not sent.
    """

    LONGEST = {
        "ip": 45,
        "userAgent": 1000,
        "acceptLanguage": 255,
        "deviceId": 255,
        "email": 254,
        "phone": 40,
        "country": 2,
        "sessionId": 255,
        "paymentFingerprint": 255,
        "landingUrl": 2000,
    }

    def to_internal_value(self, data: object) -> dict[str, str]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Must be an object.")
        found = {}
        wrong: dict[str, list] = {}
        for name, value in data.items():
            longest = self.LONGEST.get(name)
            if longest is None:
                wrong[str(name)[:100]] = [ErrorDetail("Is not a part of the context.", "unknown_field")]
            elif value is None:
                continue
            elif not isinstance(value, str) or not 1 <= len(value) <= longest:
                wrong[name] = [f"Must be text of 1 to {longest} characters."]
            else:
                found[name] = value
        if "ip" in found:
            try:
                found["ip"] = str(ip_address(found["ip"]))
            except ValueError:
                wrong["ip"] = ["Must be an IPv4 or IPv6 address."]
        if "email" in found and not 0 < found["email"].find("@") < len(found["email"]) - 1:
            wrong["email"] = ["Must be an e-mail address."]
        country = found.get("country", "NP")
        if len(country) != 2 or not (country.isascii() and country.isalpha()):
            wrong["country"] = ["Must be two letters, such as NP."]
        if wrong:
            raise serializers.ValidationError(wrong)
        if "country" in found:
            found["country"] = country.upper()
        return found

    def to_representation(self, value):
        return value

    def json_schema(self) -> dict:
        parts = {name: {"type": ["string", "null"], "minLength": 1, "maxLength": n} for name, n in self.LONGEST.items()}
        parts["ip"] |= {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}, {"type": "null"}]}
        parts["country"] |= {"pattern": "^[A-Za-z]{2}$"}
        parts["email"] |= {"format": "email"}
        return {"type": "object", "properties": parts, "additionalProperties": False}
