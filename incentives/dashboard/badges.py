"""Badges: what each is given for, to how many it was, and giving one by hand."""

import django_filters
from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta.dashboard.access import actor_of, may
from incenta.dashboard.api_form import ApiForm, Count
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import AppPage
from incenta.errors import DomainError, NotFound
from incentives import badges
from incentives.api.badges import COUNTED, AwardInput, BadgeChanges, BadgeInput
from incentives.models import Badge, Grant

from . import backfills
from .actions import SWITCH
from .holders import holders, shown
from .rule_form import RuleForm, RuleFormPage
from .words import criteria, points

LATEST = 10


class BadgeFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=120)
    active = django_filters.MultipleChoiceFilter(choices=SWITCH, method="is_switched", widget=CheckboxSelectMultiple)

    class Meta:
        model = Badge
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(name__icontains=value) | Q(key__icontains=value))

    def is_switched(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        return rows.filter(active="on" in values) if len(values) == 1 else rows


class Badges(ListPage):
    section = "badges"
    template_name = "incentives/badges.html"
    filterset_class = BadgeFilter
    orders = {"name": ("name",), "xp": ("xp",), "coins": ("coins",), "created": ("created_at",)}
    default_order = "created"
    export_name = "badges"
    columns = [
        ("key", lambda one: one.key),
        ("name", lambda one: one.name),
        ("description", lambda one: one.description),
        ("criteria", lambda one: one.criteria_told),
        ("xp", lambda one: one.xp),
        ("coins", lambda one: one.coins),
        ("active", lambda one: "yes" if one.active else "no"),
        ("holders", lambda one: one.holders),
        ("createdAtUtc", lambda one: one.created_at),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.badges.all()

    def decorate(self, records: list) -> list:
        held = holders(self.request.app, Grant.Kind.BADGE, [badge.key for badge in records]) if records else {}
        for badge in records:
            badge.holders = shown(held[badge.key])
            badge.criteria_told = criteria(badge.criteria)
            badge.gives = points(badge.xp, badge.coins)
            badge.is_picture = badge.icon.startswith(("https://", "http://", "/"))
        return records

    def more_context(self, page, **kwargs) -> dict:
        context = {"may_edit": may(self.request, "incentives.edit"), "may_award": may(self.request, "points.adjust")}
        return context | backfills.told(self.request.app, "badge")


class BadgeForm(RuleForm):
    name = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Early bird"})
    )
    key = forms.CharField(
        max_length=80,
        help_text="What your app knows it by. It stays for good.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "early_bird"}),
    )
    description = forms.CharField(max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    icon = forms.CharField(
        max_length=500,
        help_text="An emoji, or the address of a picture that your app shows.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    measure = forms.ChoiceField(
        label="It is given",
        choices=[
            ("", "by hand or with a level only"),
            ("action", "for doing an action so many times"),
            ("xp", "for XP"),
            ("level", "for reaching a level"),
            ("streakDays", "for days in a row"),
            ("referrals", "for friends who converted"),
        ],
    )
    action_key = forms.ChoiceField(label="Action")
    count = Count(label="From", empty="", help_text="How many it takes: times, XP, the level, days or friends.")
    xp = Count(label="XP")
    coins = Count()
    active = forms.BooleanField(label="On: it can be earned and given", initial=True)

    own = ("seen", "measure", "action_key", "count")
    needed = ("name", "key", "count")
    wide = ("name", "description", "measure", "active")
    sections = (
        ("Basics", "", ("name", "key", "icon", "description")),
        ("Criteria", "Each user gets it at most once.", ("measure", "action_key", "count")),
        ("What it gives", "Beside the badge itself.", ("xp", "coins")),
        ("Switch", "", ("active",)),
    )

    def __init__(self, *args, app, rule=None, **kwargs):
        super().__init__(*args, app=app, rule=rule, **kwargs)
        known = list(app.actions.order_by("name").values_list("key", "name"))
        self.fields["action_key"].choices = [("", "Choose one"), *((key, f"{name} ({key})") for key, name in known)]

    @classmethod
    def initial_of(cls, rule: Badge) -> dict:
        told = rule.criteria or {}
        shown = super().initial_of(rule)
        if "actionKey" in told:
            return shown | {"measure": "action", "action_key": told["actionKey"], "count": told["count"]}
        measure = next((name for name in COUNTED if name in told), "")
        return shown | {"measure": measure, "count": told.get(measure, "")}

    def sent(self) -> dict:
        told = self.cleaned_data
        measure, count = told.get("measure"), self.fields["count"].sent(told.get("count", ""))
        if measure == "action":
            asked: dict | None = {"actionKey": told.get("action_key"), "count": count}
        else:
            asked = {measure: count} if measure else None
        return super().sent() | {"criteria": asked}

    def refuse(self, details: dict[str, list]) -> None:
        about = details.pop("criteria", ())
        super().refuse(details)
        for sentence in about:
            name = "action_key" if "action" in str(sentence) else "count"
            self.add_error(name, str(sentence).removeprefix("actionKey: ").removeprefix("count: "))

    def checked(self, body: dict) -> dict:
        return (BadgeInput if self.rule is None else BadgeChanges).split(body)[0]


class EditBadge(RuleFormPage):
    section = "badges"
    form_class = BadgeForm
    noun, plural = "badge", "Badges"
    lead = "Who holds it keeps it."
    asks_about_old_users = True

    def find(self, key: str) -> Badge:
        return badges.get(self.request.app, key)

    def save(self, form: RuleForm, **for_whom: bool) -> dict:
        if form.rule is None:
            return badges.create(self.request.app, form.values, actor=self.actor, **for_whom)
        return badges.revise(self.request.app, form.rule.key, form.values, actor=self.actor, **for_whom)


class AwardForm(ApiForm):
    user_id = forms.CharField(
        label="User",
        max_length=255,
        strip=False,
        help_text="Your own id of the person.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reason = forms.CharField(
        max_length=500,
        help_text="Kept with the badge, and told where it is explained.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    needed = ("user_id",)

    def checked(self, body: dict) -> dict:
        return AwardInput.parse(body)


class AwardBadge(AppPage):
    """A badge given by hand, and who got it last."""

    permission = "points.adjust"
    section = "badges"
    template_name = "incentives/award.html"

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        return self.show(badges.get(request.app, key), AwardForm())

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        badge = badges.get(request.app, key)
        form = AwardForm(request.POST)
        if form.is_valid():
            told = form.values
            try:
                with transaction.atomic():
                    _, is_new = badges.award(
                        request.app, key, told["user_id"], reason=told.get("reason") or "", actor=actor_of(request)
                    )  # fmt: skip
            except NotFound:
                raise
            except DomainError as error:
                form.refuse_domain(error)
            else:
                if is_new:
                    messages.success(request, f"{told['user_id']} holds the badge {badge.name} now.")
                else:
                    messages.warning(
                        request, f"{told['user_id']} holds the badge {badge.name} already: nothing was changed."
                    )
                return redirect(self.url("award_badge", key))
        return self.show(badge, form, status=422)

    def show(self, badge: Badge, form: AwardForm, status: int = 200) -> HttpResponse:
        latest = self.request.app.grants.filter(kind=Grant.Kind.BADGE, key=badge.key, revoked_at=None).order_by("-id")[
            :LATEST
        ]
        context = {"badge": badge, "form": form, "latest": latest, "criteria_told": criteria(badge.criteria)}
        return self.page(context | {"gives": points(badge.xp, badge.coins)}, status=status)
