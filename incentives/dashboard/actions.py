"""Actions: what users do that is rewarded. Listed with how often each was used, made, changed, switched on and off."""

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.forms import CheckboxSelectMultiple

from incenta.dashboard.access import actor_of, may
from incenta.dashboard.api_form import Count
from incenta.dashboard.lists import ListPage
from incenta.dashboard.pages import Action as Button
from incenta.errors import NotFound
from incentives import actions
from incentives.api.actions import ActionChanges, ActionInput
from incentives.models import Action

from .rule_form import RuleForm, RuleFormPage
from .usage import DAYS, used_lately
from .words import points

SWITCH = [("on", "On"), ("off", "Off")]
UNITS = {"1": 1, "60": 60, "3600": 3_600, "86400": 86_400}
STARTERS = (
    ("sign_up", {"name": "Signs up", "type": Action.Type.STANDARD, "xp": 50, "coins": 10, "max_repeats": 1}),
    ("daily_visit", {"name": "Visits", "type": Action.Type.STANDARD, "xp": 10, "coins": 1, "max_per_day": 1}),
    (
        "friend_converts",
        {"name": "Brings a friend", "type": Action.Type.REFERRAL_REFEREE_ACTION, "xp": 100, "coins": 50},
    ),
)
"""What most programmes begin with, in one click; everything about them can be changed."""


class ActionFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search", max_length=120)
    active = django_filters.MultipleChoiceFilter(choices=SWITCH, method="is_switched", widget=CheckboxSelectMultiple)
    type = django_filters.ChoiceFilter(choices=Action.Type.choices, empty_label="All types")

    class Meta:
        model = Action
        fields: list[str] = []

    def search(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(Q(name__icontains=value) | Q(key__icontains=value))

    def is_switched(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        return rows.filter(active="on" in values) if len(values) == 1 else rows


class Actions(ListPage):
    section = "actions"
    template_name = "incentives/actions.html"
    filterset_class = ActionFilter
    orders = {"name": ("name",), "key": ("key",), "xp": ("xp",), "coins": ("coins",), "created": ("created_at",)}
    default_order = "created"
    export_name = "actions"
    columns = [
        ("key", lambda one: one.key),
        ("name", lambda one: one.name),
        ("type", lambda one: one.type),
        ("xp", lambda one: one.xp),
        ("coins", lambda one: one.coins),
        ("tokens", lambda one: one.tokens),
        ("cooldownSeconds", lambda one: one.cooldown_s),
        ("maxRepeats", lambda one: one.max_repeats),
        ("maxPerDay", lambda one: one.max_per_day),
        ("active", lambda one: "yes" if one.active else "no"),
        ("used", lambda one: one.used),
        ("createdAtUtc", lambda one: one.created_at),
    ]
    usage = None

    def rows(self) -> QuerySet:
        return self.request.app.actions.all()

    def decorate(self, records: list) -> list:
        if records and self.usage is None:
            self.usage = used_lately(self.request.app)
        for action in records:
            action.used = self.usage.counts.get(action.key, 0)
            action.gives = points(action.xp, action.coins, action.tokens)
            action.limits = limits(action)
        return records

    def more_context(self, page, **kwargs) -> dict:
        return {"may_edit": may(self.request, "incentives.edit"), "usage": self.usage, "days": DAYS}


def limits(action: Action) -> str:
    """How often it is rewarded, in words: ``3 times a user, once a day, every 5 minutes at most``."""
    told = []
    if action.max_repeats:
        told.append(f"{times(action.max_repeats)} a user")
    if action.max_per_day:
        told.append(f"{times(action.max_per_day)} a day")
    if action.cooldown_s:
        told.append(f"every {duration(action.cooldown_s)} at most")
    return ", ".join(told)


def times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def duration(seconds: int) -> str:
    """``day``, ``5 minutes``, ``90 seconds``: in the largest unit that fits whole."""
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds % unit == 0:
            count = seconds // unit
            return name if count == 1 else f"{count:,} {name}s"
    raise AssertionError("every whole number of seconds is a number of seconds")


class ActionForm(RuleForm):
    name = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Completes a lesson"})
    )
    key = forms.CharField(
        max_length=80,
        help_text="What your app sends as actionKey. It stays for good.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "lesson_completed"}),
    )
    type = forms.ChoiceField(
        label="It happens when",
        choices=[
            (Action.Type.STANDARD, "your app sends an event"),
            (Action.Type.REFERRAL_CODE_GENERATE, "somebody asks for a referral code (by itself)"),
            (Action.Type.REFERRAL_CLICK, "somebody's referral link is clicked (by itself)"),
            (Action.Type.REFERRAL_REFEREE_ACTION, "somebody's friend converts (by itself)"),
        ],
        initial=Action.Type.STANDARD,
    )
    xp = Count(label="XP")
    coins = Count()
    tokens = Count()
    max_repeats = Count(label="Times a user, ever", help_text="Empty: without end.", empty=None)
    max_per_day = Count(label="Times a user and day", help_text="Empty: without end.", empty=None)
    cooldown = Count(label="Pause between two", help_text="Empty: none.")
    cooldown_unit = forms.ChoiceField(
        label="Counted in",
        choices=[("1", "Seconds"), ("60", "Minutes"), ("3600", "Hours"), ("86400", "Days")],
        initial="60",
    )
    active = forms.BooleanField(label="On: events of this action are rewarded", initial=True)

    own = ("seen", "cooldown_unit")
    needed = ("name", "key", "type")
    wide = ("name", "type", "active")
    sections = (
        ("Basics", "", ("name", "key", "type")),
        ("What it gives", "Each time it is rewarded.", ("xp", "coins", "tokens")),
        (
            "Limits",
            "An event beyond them is recorded, and gives nothing.",
            ("max_repeats", "max_per_day", "cooldown", "cooldown_unit"),
        ),
        ("Switch", "", ("active",)),
    )

    @classmethod
    def initial_of(cls, rule: Action) -> dict:
        unit = next((unit for unit in reversed(UNITS.values()) if rule.cooldown_s and rule.cooldown_s % unit == 0), 60)
        return super().initial_of(rule) | {"cooldown": rule.cooldown_s // unit or "", "cooldown_unit": str(unit)}

    def sent(self) -> dict:
        body = super().sent()
        if isinstance(body.get("cooldown"), int):
            body["cooldown"] *= UNITS.get(self.cleaned_data.get("cooldown_unit"), 1)
        return body

    def checked(self, body: dict) -> dict:
        return (ActionInput if self.rule is None else ActionChanges).values(body)


class EditAction(RuleFormPage):
    section = "actions"
    form_class = ActionForm
    noun, plural = "action", "Actions"
    lead = "A change counts from the next event on. What was awarded stays."

    def find(self, key: str) -> Action:
        action = self.request.app.actions.filter(key=key).first()
        if action is None:
            raise NotFound("action_not_found", f"There is no action {key}.")
        return action

    def save(self, form: RuleForm, **for_whom: bool) -> dict:
        values = dict(form.values)
        if form.rule is None:
            return actions.face(actions.create(self.request.app, values.pop("key"), values, actor=self.actor))
        return actions.face(actions.revise(self.request.app, form.rule.key, values, actor=self.actor))


class SwitchAction(Button):
    """``active`` on or off, from the list."""

    permission = "incentives.edit"
    section = "actions"
    active = True

    def act(self, key: str) -> str:
        action = actions.revise(self.request.app, key, {"active": self.active}, actor=actor_of(self.request))
        return f"{action.name} is {'on' if action.active else 'off: its events are recorded and give nothing'}."

    def back(self, key: str) -> str:
        query = self.request.GET.urlencode()
        return self.url("actions") + (f"?{query}" if query else "")


class MakeStarters(Button):
    """Three actions to begin with; those that are there already stay as they are."""

    permission = "incentives.edit"
    section = "actions"

    def act(self) -> str:
        app = self.request.app
        known = set(app.actions.filter(key__in=[key for key, _ in STARTERS]).values_list("key", flat=True))
        made = [
            actions.create(app, key, dict(values), actor=actor_of(self.request))
            for key, values in STARTERS
            if key not in known
        ]
        return f"{len(made)} action{'s are' if len(made) != 1 else ' is'} ready. Change them as you like."
