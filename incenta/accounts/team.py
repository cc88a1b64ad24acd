"""Who works for a merchant: invited, given a role, removed.

Every change locks the merchant's row first: two owners who remove each other at once leave one, and what somebody may do is
judged by the role that they have at that moment.
"""

import logging
import secrets
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from incenta.database.sql import transaction_joined
from incenta.errors import Conflict, Forbidden, InvalidInput, NotFound

from . import audit
from .models import Invitation, Membership, Merchant, Role, User
from .permissions import can

logger = logging.getLogger("incenta.accounts")

MOST_A_DAY = 50
"""Invitations that one merchant may make in a day, those taken back among them: nobody gets to write to the world from here."""
MOST_MAILS = 5
BETWEEN_MAILS = timedelta(minutes=1)
MAIL_TIMEOUT_S = 10
_SALT = "incenta.accounts.invitation"


def invite(merchant: Merchant, email: str, role: str, *, by: Membership) -> Invitation:
    """An open invitation, not sent yet (:func:`send`). It says nothing about whether the address has an account here.

    Raises ``Conflict`` ``already_member``, ``already_invited``, ``invitation_limit_reached``; ``Forbidden`` ``owners_only``.
    """
    email = User.objects.normalize_email(email.strip()).lower()
    with transaction_joined():
        by = _alone(merchant, by)
        _may_give(by, role)
        if merchant.memberships.filter(user__email__iexact=email).exists():
            raise Conflict("already_member", f"{email} is in the team already.")
        made = merchant.invitations.all()
        if made.filter(created_at__gt=timezone.now() - timedelta(days=1)).count() >= MOST_A_DAY:
            raise Conflict("invitation_limit_reached", f"At most {MOST_A_DAY} invitations a day.")
        earlier = made.filter(email__iexact=email, accepted_at=None, revoked_at=None).first()
        if earlier and earlier.is_good:
            raise Conflict(
                "already_invited", f"{email} is invited already. Send that invitation again, or take it back."
            )
        if earlier:
            _close(earlier)
        made = merchant.invitations.create(email=email, role=role, invited_by=by.user, sent_at=timezone.now())
        _note("member.invited", by.user, merchant, made.pk, email=email, role=role)
        return made


def renew(merchant: Merchant, invitation_id: str, *, by: Membership) -> Invitation:
    """The same invitation with a new link and seven new days, not sent yet, from whoever sends it now; links of earlier mails are
    worthless from then on.

    Raises ``NotFound``; ``Conflict`` ``too_many_mails`` and ``too_soon``.
    """
    with transaction_joined():
        by = _alone(merchant, by)
        invitation = _open(merchant, invitation_id)
        _may_give(by, invitation.role)
        if invitation.mails >= MOST_MAILS:
            raise Conflict(
                "too_many_mails", f"It was sent {MOST_MAILS} times. Take it back, and ask whether the address is right."
            )
        if invitation.sent_at > timezone.now() - BETWEEN_MAILS:
            raise Conflict("too_soon", "It was sent less than a minute ago.")
        invitation.nonce = secrets.token_urlsafe(16)
        invitation.mails += 1
        invitation.sent_at = timezone.now()
        invitation.invited_by = by.user  # who sends it answers for it
        invitation.save(update_fields=["nonce", "mails", "sent_at", "invited_by"])
        return invitation


def revoke(merchant: Merchant, invitation_id: str, *, by: Membership) -> Invitation:
    """Takes an invitation back. Raises ``NotFound`` for one that is no longer open; ``Forbidden`` ``owners_only``."""
    with transaction_joined():
        by = _alone(merchant, by)
        invitation = _open(merchant, invitation_id)
        _may_give(by, invitation.role)
        _take_back(invitation, by.user)
        return invitation


def send(invitation: Invitation) -> bool:
    """Sends the mail with the link, outside of any transaction. Answers whether it went out."""
    inviter = invitation.invited_by
    facts = {
        # one line each, whatever was typed: the first line of the text is the subject
        "merchant": " ".join(invitation.merchant.name.split()),
        "inviter": " ".join(f"{inviter.name} ({inviter.email})".split()) if inviter and inviter.name else inviter,
        "role": invitation.get_role_display(),
        "expires_at": invitation.expires_at,
        "url": settings.BASE_URL.rstrip("/") + reverse("invitation", args=[token_of(invitation)]),
    }
    subject, _, text = render_to_string("accounts/mail/invitation.txt", facts).strip().partition("\n")
    try:
        mailbox = get_connection(timeout=MAIL_TIMEOUT_S)
        EmailMessage(subject.strip(), text.strip() + "\n", to=[invitation.email], connection=mailbox).send()
    except Exception:
        logger.exception("the invitation %s could not be sent", invitation.pk)
        return False
    return True


def token_of(invitation: Invitation) -> str:
    return signing.dumps([invitation.pk, invitation.nonce], salt=_SALT)


def opened_by(token: str) -> Invitation:
    """The invitation whose last mail held this token. Raises ``NotFound``, without saying why, for every other."""
    try:
        invitation_id, nonce = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise NotFound("invitation_not_found", "This invitation is no longer good.") from None
    found = Invitation.objects.select_related("merchant", "invited_by").filter(pk=invitation_id).first()
    is_it = found is not None and secrets.compare_digest(found.nonce, nonce) and found.is_good
    if not is_it or not _may_still_invite(found):
        raise NotFound("invitation_not_found", "This invitation is no longer good.")
    return found


def is_for(invitation: Invitation, user: User) -> bool:
    """Whether it went to an address of this person's: the one they sign in with, or another that they have verified."""
    email = invitation.email.lower()
    return (
        user.email.lower() == email
        or EmailAddress.objects.filter(user=user, email__iexact=email, verified=True).exists()
    )


def accept(token: str, user: User) -> Membership:
    """Makes the person a member, once. Raises ``NotFound`` as :func:`opened_by`; ``Forbidden`` ``other_address``.

    Who is in the team already keeps the role they have.
    """
    with transaction_joined():
        merchant = Merchant.objects.select_for_update().get(pk=opened_by(token).merchant_id)
        invitation = opened_by(token)  # again, now that nobody else can use it up
        if not is_for(invitation, user):
            raise Forbidden("other_address", f"This invitation went to {invitation.email}.")
        member, is_new = Membership.objects.get_or_create(
            merchant=merchant, user=user, defaults={"role": invitation.role, "invited_by": invitation.invited_by}
        )
        if is_new:
            _note("member.joined", user, merchant, member.pk, email=user.email, role=member.role)
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        # the link came through that mailbox: whoever has it can read the mail
        address = EmailAddress.objects.filter(user=user, email__iexact=invitation.email, verified=False).first()
        if address is not None and address.can_set_verified():
            address.verified = True
            address.save(update_fields=["verified"])
        return member


def change_role(merchant: Merchant, member_id: str, role: str, *, by: Membership) -> Membership:
    """Gives a member another role. Raises ``NotFound``; ``Conflict`` ``last_owner``; ``Forbidden`` ``owners_only``."""
    with transaction_joined():
        by = _alone(merchant, by)
        member = _member(merchant, member_id)
        _may_give(by, role)
        _may_give(by, member.role)
        if member.role == role:
            return member
        _keep_an_owner(merchant, member)
        _note("member.changed", by.user, merchant, member.pk, email=member.user.email, before=member.role, after=role)
        member.role = role
        member.save(update_fields=["role"])
        _end_invitations(merchant, member.user, by.user)
        return member


def remove(merchant: Merchant, member_id: str, *, by: Membership) -> Membership:
    """Ends a membership: at their next request they are nobody here. Raises as :func:`change_role` does."""
    with transaction_joined():
        by = _alone(merchant, by)
        member = _member(merchant, member_id)
        _may_give(by, member.role)
        _keep_an_owner(merchant, member)
        Membership.objects.filter(pk=member.pk).delete()
        _note("member.removed", by.user, merchant, member.pk, email=member.user.email, role=member.role)
        _end_invitations(merchant, member.user, by.user)
        return member


def _note(type: str, who: User, merchant: Merchant, subject: str, **data: str) -> None:
    audit.note(type, f"user:{who.pk}", merchant=merchant, subject=subject, **data)


def _alone(merchant: Merchant, by: Membership) -> Membership:
    """Locks the merchant; answers who acts, as they are now. Raises ``Forbidden`` for who may not, or not any more."""
    Merchant.objects.select_for_update().get(pk=merchant.pk)
    now = merchant.memberships.select_related("user").filter(pk=by.pk).first()
    if now is None or not can(now, "team.manage"):
        raise Forbidden("not_allowed", "You no longer look after this team.")
    return now


def _may_give(by: Membership, role: str) -> None:
    if role not in Role.values:
        raise InvalidInput({"role": ["Choose one of the roles."]})
    if role == Role.OWNER and by.role != Role.OWNER:
        raise Forbidden("owners_only", "Only an owner makes owners, and changes or removes them.")


def _keep_an_owner(merchant: Merchant, member: Membership) -> None:
    if member.role != Role.OWNER:
        return
    if not merchant.memberships.filter(role=Role.OWNER, user__is_active=True).exclude(pk=member.pk).exists():
        raise Conflict("last_owner", "Somebody must own the business: make another member an owner first.")


def _member(merchant: Merchant, member_id: str) -> Membership:
    found = merchant.memberships.select_related("user").filter(pk=member_id).first()
    if found is None:
        raise NotFound("member_not_found", "Member not found.")
    return found


def _open(merchant: Merchant, invitation_id: str) -> Invitation:
    found = merchant.invitations.filter(pk=invitation_id, accepted_at=None, revoked_at=None).first()
    if found is None:
        raise NotFound("invitation_not_found", "Invitation not found.")
    return found


def _may_still_invite(invitation: Invitation) -> bool:
    """Whether who sent it could send it now: nobody leaves a door open behind himself."""
    team = invitation.merchant.memberships
    sender = (
        team.filter(user=invitation.invited_by_id, user__is_active=True).first() if invitation.invited_by_id else None
    )
    return (
        sender is not None
        and can(sender, "team.manage")
        and (invitation.role != Role.OWNER or sender.role == Role.OWNER)
    )


def _end_invitations(merchant: Merchant, sender: User, by: User) -> None:
    """Takes back what somebody sent who could not send it any more."""
    waiting = merchant.invitations.filter(invited_by=sender, accepted_at=None, revoked_at=None)
    for invitation in waiting.select_related("merchant").order_by("pk"):
        if not _may_still_invite(invitation):
            _take_back(invitation, by)


def _take_back(invitation: Invitation, by: User) -> None:
    _close(invitation)
    _note("invitation.revoked", by, invitation.merchant, invitation.pk, email=invitation.email)


def _close(invitation: Invitation) -> None:
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
