"""Who: people, the merchants they work for, the merchants' apps, and the keys that open them."""

from .api_key import ApiKey
from .app import App
from .audit_entry import AuditEntry
from .invitation import Invitation
from .membership import Membership, Role
from .merchant import Merchant
from .participant import Participant
from .plan import Plan
from .tombstone import Tombstone
from .user import User

__all__ = [
    "ApiKey",
    "App",
    "AuditEntry",
    "Invitation",
    "Membership",
    "Merchant",
    "Participant",
    "Plan",
    "Role",
    "Tombstone",
    "User",
]
