"""Parts of addresses."""

from django.urls import register_converter


class UserIdInPath:
    """``<user_id:user_id>``: the client's own id of a person, 1 to 255 characters, slashes too (but not at its end).

    A route that ends in one stands below those that go on after it: ``users/<user_id:user_id>/stats`` first.
    """

    regex = r"(?s:.{0,254}?[^/])"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(UserIdInPath, "user_id")
