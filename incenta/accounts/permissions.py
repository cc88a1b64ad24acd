"""The one permission matrix: what each role may do in a merchant's dashboard."""

from .models import Membership, Role

OWNER, ADMIN, ANALYST, DEVELOPER = Role.OWNER, Role.ADMIN, Role.ANALYST, Role.DEVELOPER

PERMISSIONS: dict[str, frozenset[str]] = {
    "programme.read": frozenset({OWNER, ADMIN, ANALYST, DEVELOPER}),
    "programme.export": frozenset({OWNER, ADMIN, ANALYST}),
    "campaigns.edit": frozenset({OWNER, ADMIN}),
    "campaigns.edit.sandbox": frozenset({OWNER, ADMIN, DEVELOPER}),
    "incentives.edit": frozenset({OWNER, ADMIN}),
    "incentives.edit.sandbox": frozenset({OWNER, ADMIN, DEVELOPER}),
    "points.adjust": frozenset({OWNER, ADMIN}),
    "redemptions.settle": frozenset({OWNER, ADMIN, ANALYST}),
    "marketplace.edit": frozenset({OWNER, ADMIN}),
    "marketplace.edit.sandbox": frozenset({OWNER, ADMIN, DEVELOPER}),
    "marketplace.settle": frozenset({OWNER, ADMIN, ANALYST}),
    "rewards.approve": frozenset({OWNER, ADMIN, ANALYST}),
    "rewards.pay": frozenset({OWNER, ADMIN}),
    "conversions.reverse": frozenset({OWNER, ADMIN}),
    "fraud.read": frozenset({OWNER, ADMIN, ANALYST}),
    "fraud.decide": frozenset({OWNER, ADMIN, ANALYST}),
    "fraud.rules": frozenset({OWNER, ADMIN}),
    "fraud.files": frozenset({OWNER, ADMIN}),
    "keys.manage": frozenset({OWNER, ADMIN, DEVELOPER}),
    "webhooks.manage": frozenset({OWNER, ADMIN, DEVELOPER}),
    "logs.read": frozenset({OWNER, ADMIN, DEVELOPER}),
    "team.manage": frozenset({OWNER, ADMIN}),
    "app.settings": frozenset({OWNER, ADMIN}),
    "merchant.close": frozenset({OWNER}),
}


def can(membership: Membership, permission: str) -> bool:
    """Whether this member may. Raises ``KeyError`` for a permission that the matrix does not know."""
    return membership.role in PERMISSIONS[permission]


def who_can(permission: str) -> list[str]:
    """The roles that may, for the page that says who to ask."""
    return [role.label for role in Role if role in PERMISSIONS[permission]]
