"""The operator's side: businesses that wait to be verified, and what was decided of the others."""

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest

from incenta.accounts.admin import Shown
from incenta.errors import DomainError

from . import profiles
from .models import Profile


class DecisionForm(ActionForm):
    reason = forms.CharField(
        max_length=500, required=False, help_text="The business reads it. Needed to reject or suspend."
    )


@admin.register(Profile)
class ProfileAdmin(Shown):
    """The queue of verification. Nothing is edited here: the actions decide, with a reason."""

    list_display = (
        "name",
        "status",
        "app",
        "url",
        "category",
        "country",
        "contact_email",
        "created_at",
        "status_reason",
    )
    list_select_related = ("app",)
    list_filter = ("status", "country", ("app__sandbox_of", admin.EmptyFieldListFilter))
    search_fields = ("name", "id", "app__name", "app__merchant__name", "contact_email")
    ordering = ("status", "-created_at")
    action_form = DecisionForm
    actions = ("verify", "reject", "suspend")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("marketplace.change_profile")

    @admin.action(description="Verify selected businesses", permissions=["decide"])
    def verify(self, request: HttpRequest, chosen: QuerySet) -> None:
        self.decide(request, chosen, profiles.verify, "verified")

    @admin.action(description="Reject selected businesses", permissions=["decide"])
    def reject(self, request: HttpRequest, chosen: QuerySet) -> None:
        self.decide(request, chosen, profiles.reject, "rejected")

    @admin.action(description="Suspend selected businesses", permissions=["decide"])
    def suspend(self, request: HttpRequest, chosen: QuerySet) -> None:
        self.decide(request, chosen, profiles.suspend, "suspended")

    def decide(self, request: HttpRequest, chosen: QuerySet, verb, word: str) -> None:
        reason = request.POST.get("reason", "")
        try:
            for profile in chosen.order_by("pk"):
                verb(profile.pk, by=request.user, reason=reason)
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
            return
        self.message_user(request, f"{len(chosen)} {word}.", messages.SUCCESS)
