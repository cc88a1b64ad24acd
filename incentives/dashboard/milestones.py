"""Milestones: so much XP, so many coins, events or conversions, and what reaching that gives."""

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple

from incenta.dashboard.access import actor_of, may
from incenta.dashboard.api_form import Count
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action as Button
from incentives import milestones
from incentives.api.milestones import MilestoneChanges, MilestoneInput
from incentives.models import Grant, Milestone

from . import backfills
from .actions import SWITCH
from .holders import holders, shown
from .rule_form import RuleForm, RuleFormPage
from .words import points


class MilestoneFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=120)
    active = django_filters.MultipleChoiceFilter(choices=SWITCH, method="is_switched", widget=CheckboxSelectMultiple)
    metric = django_filters.ChoiceFilter(choices=Milestone.Metric.choices, empty_label="All metrics")

    class Meta:
        model = Milestone
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(name__icontains=value) | Q(key__icontains=value))

    def is_switched(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        return rows.filter(active="on" in values) if len(values) == 1 else rows


class Milestones(ListPage):
    section = "milestones"
    template_name = "incentives/milestones.html"
    filterset_class = MilestoneFilter
    orders = {
        "name": ("name", "key"),
        "metric": ("metric", "threshold"),
        "threshold": ("threshold",),
        "created": ("created_at",),
    }
    default_order = "metric"
    export_name = "milestones"
    columns = [
        ("key", lambda one: one.key),
        ("name", lambda one: one.name),
        ("metric", lambda one: one.metric),
        ("threshold", lambda one: one.threshold),
        ("coins", lambda one: one.coins),
        ("tokens", lambda one: one.tokens),
        ("active", lambda one: "yes" if one.active else "no"),
        ("reachedBy", lambda one: one.holders),
        ("createdAtUtc", lambda one: one.created_at),
    ]

    def rows(self) -> QuerySet:
        return self.request.app.milestones.all()

    def decorate(self, records: list) -> list:
        held = (
            holders(self.request.app, Grant.Kind.MILESTONE, [milestone.key for milestone in records]) if records else {}
        )
        for milestone in records:
            milestone.holders = shown(held[milestone.key])
            milestone.gives = points(0, milestone.coins, milestone.tokens)
        return records

    def more_context(self, page, **kwargs) -> dict:
        return {"may_edit": may(self.request, "incentives.edit")} | backfills.told(self.request.app, "milestone")


class MilestoneForm(RuleForm):
    name = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "A thousand XP"})
    )
    key = forms.CharField(
        max_length=80,
        help_text="What your app knows it by. It stays for good.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "xp_1000"}),
    )
    metric = forms.ChoiceField(label="Counts", choices=Milestone.Metric.choices, initial=Milestone.Metric.XP)
    threshold = Count(label="Reached at", empty="")
    coins = Count()
    tokens = Count()
    active = forms.BooleanField(label="On: it can be reached", initial=True)

    needed = ("key", "metric", "threshold")
    wide = ("name", "active")
    sections = (
        ("Basics", "", ("name", "key")),
        ("When", "Each user reaches it at most once.", ("metric", "threshold")),
        ("What it gives", "", ("coins", "tokens")),
        ("Switch", "", ("active",)),
    )

    def checked(self, body: dict) -> dict:
        return (MilestoneInput if self.rule is None else MilestoneChanges).split(body)[0]


class EditMilestone(RuleFormPage):
    section = "milestones"
    form_class = MilestoneForm
    noun, plural = "milestone", "Milestones"
    lead = "Who reached it has reached it."
    asks_about_old_users = True

    def find(self, key: str) -> Milestone:
        return milestones.get(self.request.app, key)

    def save(self, form: RuleForm, **for_whom: bool) -> dict:
        if form.rule is None:
            return milestones.create(self.request.app, form.values, actor=self.actor, **for_whom)
        return milestones.revise(self.request.app, form.rule.key, form.values, actor=self.actor, **for_whom)

    def told(self, face: dict) -> str:
        return face["name"] or face["key"]


class DeleteMilestone(Button):
    permission = "incentives.edit"
    section = "milestones"

    def act(self, key: str) -> str:
        milestones.delete(self.request.app, key, actor=actor_of(self.request))
        return f"The milestone {key} is deleted. What it gave stays with whom it was given."
