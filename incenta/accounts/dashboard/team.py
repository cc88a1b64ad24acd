"""The team: who is in it, who is invited, what each role may do."""

import django_filters
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers

from incenta.accounts import team
from incenta.accounts.models import ApiKey, Membership, Role
from incenta.accounts.permissions import PERMISSIONS
from incenta.dashboard.access import may
from incenta.dashboard.beginning import Further, beginning
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action, AppPage, SignedInPage
from incenta.errors import Conflict, DomainError, Forbidden, NotFound

WORDS = {
    "programme.read": "See campaigns, referrals, rewards and points",
    "programme.export": "Download lists",
    "campaigns.edit": "Make and change campaigns",
    "campaigns.edit.sandbox": "… in the sandbox",
    "incentives.edit": "Change actions, levels, badges and the catalog",
    "incentives.edit.sandbox": "… in the sandbox",
    "points.adjust": "Give and take points by hand",
    "redemptions.settle": "Fulfil and cancel redemptions",
    "marketplace.edit": "Change listings and the business profile",
    "marketplace.edit.sandbox": "… in the sandbox",
    "marketplace.settle": "Fulfil codes at the counter",
    "rewards.approve": "Approve and cancel rewards",
    "rewards.pay": "Mark rewards paid, propose and confirm payouts",
    "conversions.reverse": "Reverse conversions",
    "fraud.read": "See fraud cases",
    "fraud.decide": "Decide fraud cases",
    "fraud.rules": "Change fraud rules and thresholds",
    "fraud.files": "Remove files that others attached to a case",
    "keys.manage": "Make and revoke API keys",
    "webhooks.manage": "Look after webhooks",
    "logs.read": "Read the request log",
    "team.manage": "Invite, change and remove members",
    "app.settings": "Change settings, open apps",
    "merchant.close": "Close the business",
}
"""A permission in a member's words. One without words is shown as it is spelt."""
ROLE_NOTES = {
    Role.OWNER: "everything, owners and closing the business too",
    Role.ADMIN: "everything but owners and closing",
    Role.ANALYST: "decides fraud, approves rewards, exports",
    Role.DEVELOPER: "keys, webhooks, logs, the sandbox",
}


def matrix() -> list[tuple[str, list[bool]]]:
    """``[(what, [whether each role may])]``, roles in the order of ``Role``."""
    return [(WORDS.get(name, name), [role in roles for role in Role]) for name, roles in PERMISSIONS.items()]


class InvitationForm(forms.Form):
    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "placeholder": "bikram@example.com"}),
    )
    role = forms.ChoiceField(choices=Role.choices, initial=Role.DEVELOPER)

    def __init__(self, *args, by: Membership, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [
            (role.value, f"{role.label}: {ROLE_NOTES[role]}")
            for role in Role
            if role != Role.OWNER or by.role == Role.OWNER
        ]


class MemberFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=200)
    role = django_filters.MultipleChoiceFilter(choices=Role.choices, widget=CheckboxSelectMultiple)

    class Meta:
        model = Membership
        fields = ["q", "role"]

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(user__email__icontains=value) | Q(user__name__icontains=value))


class Team(ListPage):
    """The members, and who is invited. POST invites."""

    permission = "team.manage"
    section = "team"
    template_name = "accounts/team.html"
    filterset_class = MemberFilter
    orders = {"name": ("user__email",), "joined": ("created_at",), "seen": ("last_seen_at",)}
    default_order = "joined"
    export_name = "team"
    columns = [
        ("id", lambda member: member.pk),
        ("email", lambda member: member.user.email),
        ("name", lambda member: member.user.name),
        ("role", lambda member: member.role),
        ("secondFactor", lambda member: "yes" if member.factors else "no"),
        ("lastSeenAtUtc", lambda member: member.last_seen_at),
        ("joinedAtUtc", lambda member: member.created_at),
        ("invitedBy", lambda member: member.invited_by.email if member.invited_by else ""),
    ]

    def rows(self) -> QuerySet:
        return self.request.membership.merchant.memberships.select_related("user", "invited_by")

    def decorate(self, records: list) -> list:
        users = [member.user_id for member in records]
        factors: dict[int, set[str]] = {}
        found = Authenticator.objects.filter(
            user__in=users, type__in=[Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
        )
        for user, kind in found.values_list("user", "type"):
            factors.setdefault(user, set()).add("App" if kind == Authenticator.Type.TOTP else "Passkey")
        own = self.request.membership
        for member in records:
            member.factors = " and ".join(sorted(factors.get(member.user_id, ())))
            member.is_me = member.pk == own.pk
            member.is_above = member.role == Role.OWNER and own.role != Role.OWNER
        return records

    def more_context(self, page, form: InvitationForm | None = None, **kwargs) -> dict:
        own = self.request.membership
        now = timezone.now()
        waiting = own.merchant.invitations.filter(accepted_at=None, revoked_at=None).select_related("invited_by")
        invitations = list(waiting.order_by("-created_at")[: team.MOST_A_DAY])
        for each in invitations:
            each.is_over = each.expires_at <= now
            each.is_above = each.role == Role.OWNER and own.role != Role.OWNER
            each.may_resend = each.mails < team.MOST_MAILS
        return {
            "form": form or InvitationForm(by=own),
            "invitations": invitations,
            "matrix": matrix(),
            "roles": list(Role),
            "own": own,
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        form = InvitationForm(request.POST, by=request.membership)
        if form.is_valid():
            told = form.cleaned_data
            try:
                with transaction.atomic():
                    invitation = team.invite(
                        request.membership.merchant, told["email"], told["role"], by=request.membership
                    )
            except Forbidden:
                raise
            except DomainError as error:
                form.add_error(None, error.message)
            else:
                tell_sent(request, team.send(invitation), invitation.email)
                return redirect(self.url("team"))
        response = self.get(request, form=form)
        response.status_code = 422
        return response


def tell_sent(request: HttpRequest, is_sent: bool, email: str) -> None:
    if is_sent:
        messages.success(request, f"An invitation is on its way to {email}. It is good for seven days.")
    else:
        messages.error(request, f"The mail to {email} could not be sent. The invitation is kept: send it again.")


class TeamAction(Action):
    permission = "team.manage"
    section = "team"


class RenewInvitation(AppPage):
    permission = "team.manage"
    section = "team"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, invitation_id: str) -> HttpResponse:
        try:
            with transaction.atomic():
                invitation = team.renew(request.membership.merchant, invitation_id, by=request.membership)
        except Conflict as error:
            messages.error(request, error.message)
        else:
            tell_sent(request, team.send(invitation), invitation.email)
        return redirect(self.url("team"))


class RevokeInvitation(TeamAction):
    def act(self, invitation_id: str) -> str:
        own = self.request.membership
        invitation = team.revoke(own.merchant, invitation_id, by=own)
        return f"The invitation of {invitation.email} is taken back; its link opens nothing any more."


class Member(AppPage):
    """One member: another role, or removal. Giving up what one may do oneself is asked once more."""

    permission = "team.manage"
    section = "team"
    template_name = "accounts/member.html"

    def get(self, request: HttpRequest, member_id: str) -> HttpResponse:
        return self.page(self.about(member_id))

    def about(self, member_id: str) -> dict:
        own = self.request.membership
        member = own.merchant.memberships.select_related("user", "invited_by").filter(pk=member_id).first()
        if member is None:
            raise NotFound("member_not_found", "Member not found.")
        choices = [(role, ROLE_NOTES[role]) for role in Role if role != Role.OWNER or own.role == Role.OWNER]
        return {
            "member": member,
            "choices": choices,
            "is_me": member.pk == own.pk,
            "is_above": member.role == Role.OWNER and own.role != Role.OWNER,
            "keys": ApiKey.objects.filter(app__merchant=own.merchant, created_by=member.user, revoked_at=None).count(),
        }

    def post(self, request: HttpRequest, member_id: str) -> HttpResponse:
        context = self.about(member_id)
        own, member, role = request.membership, context["member"], request.POST.get("role", "")
        loses = context["is_me"] and role != member.role and role in Role.values
        if loses and request.POST.get("sure") != "yes":
            return self.page(context | {"asked": Role(role)}, status=422)
        try:
            with transaction.atomic():
                changed = team.change_role(own.merchant, member_id, role, by=own)
        except (NotFound, Forbidden):
            raise
        except DomainError as error:
            return self.page(context | {"error": error.message}, status=422)
        messages.success(request, f"{changed.user.get_full_name()} is {changed.get_role_display()}.")
        own.refresh_from_db()
        return redirect(self.url("team") if may(request, "team.manage") else self.url("overview"))


class RemoveMember(TeamAction):
    def act(self, member_id: str) -> str:
        own = self.request.membership
        member = team.remove(own.merchant, member_id, by=own)
        self.is_gone = member.pk == own.pk
        return f"{member.user.get_full_name()} is no longer in the team of {own.merchant.name}."

    def back(self, member_id: str) -> str:
        return reverse("dashboard:entry") if getattr(self, "is_gone", False) else super().back()


class Accept(SignedInPage):
    """The page behind the link of an invitation. It is the same for those who have an account and those who do not."""

    def dispatch(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.user.is_authenticated or request.method != "GET":
            return super().dispatch(request, *args, **kwargs)
        response = self.get(request, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            invitation = team.opened_by(token)
        except NotFound:
            return render(request, "accounts/invitation_over.html", status=404)
        context = {
            "invitation": invitation,
            "note": ROLE_NOTES[Role(invitation.role)],
            "is_mine": request.user.is_authenticated and team.is_for(invitation, request.user),
        }
        return render(request, "accounts/invitation.html", context)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            with transaction.atomic():
                member = team.accept(token, request.user)
        except (NotFound, Forbidden):
            return self.get(request, token)
        messages.success(request, f"You are {member.get_role_display()} of {member.merchant.name}.")
        app = member.merchant.apps.filter(sandbox_of=None).order_by("created_at").first()
        if app is None:
            return redirect("dashboard:entry")
        if member.role == Role.DEVELOPER:  # who builds it in begins where the calls are
            return redirect(f"dashboard:{beginning().page}", app.sandbox.pk)
        return redirect("dashboard:overview", app.pk)


def invite_somebody(request: HttpRequest) -> Further | None:
    """What comes after the first reward: the developer who builds it in."""
    if not may(request, "team.manage"):
        return None
    merchant = request.membership.merchant
    is_done = merchant.memberships.count() > 1 or merchant.invitations.exists()
    url = reverse("dashboard:team", args=[request.app.pk])
    return Further(
        "Invite a developer",
        "They begin on this page, with a role that makes keys and reaches no payouts.",
        url,
        "Invite",
        is_done,
    )


def go_live(request: HttpRequest) -> Further | None:
    live = request.app.sandbox_of or request.app
    if not may(request, "keys.manage"):
        return None
    is_done = ApiKey.objects.in_use(live).exists()
    url = reverse("dashboard:keys" if is_done else "dashboard:new_key", args=[live.pk])
    note = "A key of the live app, and a campaign there: the same calls, this time for real."
    return Further("Go live", note, url, "See live keys" if is_done else "Create a live key", is_done)
