"""Leaving a trace: one line a deed, in the transaction of the deed. What has an event or a history of its own needs none."""

from .models import App, AuditEntry, Merchant

TYPES = {
    "key.created": "Created an API key",
    "key.rolled": "Rolled an API key",
    "key.revoked": "Revoked an API key",
    "signing_secret.made": "Made a signing secret for user tokens",
    "widgets.key_made": "Created a publishable key for widgets",
    "widgets.changed": "Changed what widgets show",
    "app.opened": "Opened an app",
    "app.changed": "Changed the app's settings",
    "app.paused": "Paused the app",
    "app.resumed": "Resumed the app",
    "app.closed": "Closed the app",
    "merchant.renamed": "Renamed the organisation",
    "person.exported": "Exported one person's data",
    "person.erased": "Erased one person's data",
    "member.invited": "Invited somebody",
    "member.joined": "Joined the team",
    "member.changed": "Changed somebody's role",
    "member.removed": "Removed somebody from the team",
    "invitation.revoked": "Took an invitation back",
    "payouts.changed": "Changed the payout settings",
    "payout.proposed": "Proposed a payout",
    "payout.confirmed": "Confirmed a payout",
    "payout.declined": "Declined a payout",
    "payout.withdrawn": "Withdrew a payout",
    "case_file.added": "Attached a file to a fraud case",
    "case_file.downloaded": "Downloaded a file of a fraud case",
    "case_file.removed": "Removed a file from a fraud case",
}
"""Type → what somebody did, in words."""


def note(type: str, by: str, *, app: App | None = None, merchant: Merchant | None = None, subject: str = "", **data):
    """Writes one line. ``by`` is ``user:12`` or a key's id; without ``app`` it is of ``merchant``. Raises ``KeyError`` for a type
    that has no words."""
    TYPES[type]
    return AuditEntry.objects.create(
        merchant=merchant or app.merchant, app=app, type=type, actor=by[:60], subject_id=subject, data=data
    )
