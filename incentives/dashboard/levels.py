"""Levels: the ladder of lifetime XP, who stands where on it, and what each step gives."""

import django_filters
from django import forms
from django.db.models import Max, QuerySet

from incenta.dashboard.access import actor_of, may
from incenta.dashboard.api_form import Count
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action as Button
from incentives import levels
from incentives.api.levels import LevelChanges, LevelInput
from incentives.models import Level

from . import backfills
from .level_users import users_by_threshold
from .rule_form import RuleForm, RuleFormPage
from .words import points

LADDER = (
    ("Newcomer", 0, 0),
    ("Regular", 100, 10),
    ("Enthusiast", 500, 25),
    ("Expert", 2_000, 50),
    ("Legend", 10_000, 100),
)
"""Name, threshold and coins of the five levels that most programmes begin with."""


class LevelFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="Search", max_length=120)

    class Meta:
        model = Level
        fields: list[str] = []


class Levels(ListPage):
    section = "levels"
    template_name = "incentives/levels.html"
    filterset_class = LevelFilter
    orders = {"level": ("level",), "name": ("name",), "threshold": ("xp_threshold",)}
    default_order = "level"
    per_page = 50
    export_name = "levels"
    columns = [
        ("level", lambda one: one.level),
        ("name", lambda one: one.name),
        ("xpThreshold", lambda one: one.xp_threshold),
        ("coins", lambda one: one.coins),
        ("tokens", lambda one: one.tokens),
        ("badgeKey", lambda one: one.badge_key),
        ("perks", lambda one: "; ".join(one.perks)),
        ("users", lambda one: one.users),
    ]
    counted = None

    def rows(self) -> QuerySet:
        return self.request.app.levels.all()

    def decorate(self, records: list) -> list:
        if records and self.counted is None:
            self.counted = users_by_threshold(self.request.app)
        for level in records:
            level.users = self.counted[0].get(level.xp_threshold, 0)
            level.gives = points(0, level.coins, level.tokens)
        return records

    def more_context(self, page, **kwargs) -> dict:
        context = {
            "may_edit": may(self.request, "incentives.edit"),
            "is_exact": self.counted is None or self.counted[1],
        }
        return context | backfills.told(self.request.app, "level")


class LevelForm(RuleForm):
    level = Count(label="Number", empty="", help_text="Higher numbers need more XP.")
    name = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Explorer"})
    )
    xp_threshold = Count(label="From XP", empty="", help_text="Lifetime XP: spending never lowers it.")
    coins = Count()
    tokens = Count()
    badge_key = forms.ChoiceField(label="Badge")
    perks = forms.CharField(
        help_text="One a line, as your app shows them.",
        max_length=11_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "Free delivery"}),
    )

    fixed = ("level",)
    needed = ("level", "name", "xp_threshold")
    wide = ("name", "perks")
    sections = (
        ("Basics", "", ("level", "xp_threshold", "name")),
        (
            "What reaching it gives",
            "Once, also where several levels are reached at once.",
            ("coins", "tokens", "badge_key"),
        ),
        ("Perks", "Words for your users; Incenta does nothing with them.", ("perks",)),
    )

    def __init__(self, *args, app, rule=None, **kwargs):
        if rule is None:
            highest = app.levels.aggregate(level=Max("level"))["level"] or 0
            kwargs["initial"] = {"level": highest + 1, **kwargs.get("initial", {})}
        super().__init__(*args, app=app, rule=rule, **kwargs)
        badges = app.badges.order_by("name").values_list("key", "name")
        self.fields["badge_key"].choices = [("", "None"), *((key, f"{name} ({key})") for key, name in badges)]

    @classmethod
    def initial_of(cls, rule: Level) -> dict:
        return super().initial_of(rule) | {"perks": "\n".join(rule.perks)}

    def sent(self) -> dict:
        body = super().sent() | {"badgeKey": self.cleaned_data.get("badge_key") or None}
        if "perks" in body:
            body["perks"] = [line.strip() for line in body["perks"].splitlines() if line.strip()]
        return body

    def checked(self, body: dict) -> dict:
        return (LevelInput if self.rule is None else LevelChanges).split(body)[0]


class EditLevel(RuleFormPage):
    section = "levels"
    form_class = LevelForm
    noun, plural = "level", "Levels"
    lead = "What it gave so far stays with whom it was given."
    asks_about_old_users = True

    def find(self, level: int) -> Level:
        return levels.get(self.request.app, level)

    def save(self, form: RuleForm, **for_whom: bool) -> dict:
        if form.rule is None:
            return levels.create(self.request.app, form.values, actor=self.actor, **for_whom)
        return levels.revise(self.request.app, form.rule.level, form.values, actor=self.actor, **for_whom)

    def told(self, face: dict) -> str:
        return f"Level {face['level']}, {face['name']},"


class DeleteLevel(Button):
    permission = "incentives.edit"
    section = "levels"

    def act(self, level: int) -> str:
        levels.delete(self.request.app, level, actor=actor_of(self.request))
        return f"Level {level} is deleted. What it gave stays with whom it was given."


class MakeLadder(Button):
    """Five levels to begin with, where there is none."""

    permission = "incentives.edit"
    section = "levels"

    def act(self) -> str:
        app = self.request.app
        if app.levels.exists():
            return "There are levels already: nothing was changed."
        for number, (name, threshold, coins) in enumerate(LADDER, 1):
            values = {"level": number, "name": name, "xp_threshold": threshold, "coins": coins}
            levels.create(app, values, actor=actor_of(self.request))
        return f"{len(LADDER)} levels are ready. Change them as you like."
