"""Payload versions: the shapes that ``data`` has had. An endpoint stays on the one it was made for until it says otherwise.

A version that comes is the new :data:`CURRENT`, in which events are recorded from then on; each older one stays as a function
that gives the data as it was written then. Bytes are frozen once an event and version, and a replay sends the version that
the endpoint was first sent: what carries one ``webhook-id`` is the same to the byte, at one endpoint.
"""

from collections.abc import Callable, Mapping

Transform = Callable[[str, dict], dict]
"""(event type, data as it is recorded today) -> data in that version. Pure."""


def _as_recorded(event_type: str, data: dict) -> dict:
    return data


CURRENT = "1"
VERSIONS: Mapping[str, Transform] = {CURRENT: _as_recorded}


def render(version: str, event_type: str, data: dict) -> dict:
    """``data`` in a version. Raises ``KeyError`` for one that is not known."""
    return VERSIONS[version](event_type, data)
