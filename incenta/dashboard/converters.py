"""Ids in URLs: what cannot be an id is a 404 without a query."""

from django.urls import register_converter


class AppId:
    regex = r"app_[0-9a-z]{26}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(AppId, "app")
