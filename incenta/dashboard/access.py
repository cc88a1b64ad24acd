"""Who may open what. The answers stand in ``accounts/permissions.py``; here they meet a request."""

import time

from django.http import HttpRequest
from django.utils import timezone

from incenta.accounts.models import App, Membership
from incenta.accounts.permissions import PERMISSIONS, can


def governing(app: App, permission: str) -> str:
    """The permission that decides in this app: a sandbox may have a wider one of its own."""
    wider = f"{permission}.sandbox"
    return wider if app.is_sandbox and wider in PERMISSIONS else permission


def may(request: HttpRequest, permission: str) -> bool:
    """Whether the signed-in member may do this in the current app."""
    return can(request.membership, governing(request.app, permission))


def grantors(membership: Membership) -> list[str]:
    """Names of those who can give this member another role: whom to ask."""
    team = membership.merchant.memberships.select_related("user").order_by("created_at", "id")
    return [member.user.get_full_name() for member in team if can(member, "team.manage")][:5]


def open_app(user, app_id: str) -> tuple[Membership, App] | None:
    """This person's membership and the app, or ``None`` when it is absent or another tenant's. Two queries."""
    membership = user.memberships.select_related("merchant__plan").filter(merchant__apps=app_id).first()
    if membership is None:
        return None
    return membership, membership.merchant.apps.select_related("sandbox", "sandbox_of").get(pk=app_id)


PRESENCE_S = 900


def note_presence(request: HttpRequest) -> None:
    """Notes when this member was last seen: once in a quarter of an hour, so that a page costs nothing more."""
    noted = request.session.get("seen", {})
    now = int(time.time())
    if now - noted.get(request.membership.pk, 0) >= PRESENCE_S:
        request.session["seen"] = {request.membership.pk: now}
        Membership.objects.filter(pk=request.membership.pk).update(last_seen_at=timezone.now())


def actor_of(request: HttpRequest) -> str:
    """Who acts, as events and versions note it."""
    return f"user:{request.user.pk}"


def actors(request: HttpRequest, ids: set[str]) -> dict[str, str]:
    """What to call those who did something: people of this merchant by name, keys of this app by theirs."""
    people = {int(each.removeprefix("user:")) for each in ids if each.startswith("user:") and each[5:].isdecimal()}
    members = request.membership.merchant.memberships.filter(user__in=people).select_related("user") if people else []
    keys = request.app.api_keys.filter(pk__in=[each for each in ids if each.startswith("key_")])
    return {f"user:{member.user_id}": member.user.get_full_name() for member in members} | {
        key.pk: f"API key “{key.name}”" for key in keys
    }
