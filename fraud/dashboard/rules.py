"""The rules: what each signal means, counts and was worth; drafts tried on the past, in shadow, in force and rolled back."""

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from fraud import backtesting, book, precision, rule_sets, settings, shadow
from fraud.api.rule_sets import RuleSetInput
from fraud.assessment import CAPS, CERTAIN
from fraud.models import FraudChange, RuleSet, RuleSetState
from fraud.weights import Weights, from_rules, signals
from incenta.dashboard.access import actor_of, actors, may
from incenta.dashboard.api_form import ApiForm, Count
from incenta.dashboard.pages import Action, AppPage
from incenta.errors import DomainError

FAMILIES = {
    "CERTAIN": ("Certain by definition", "Never weakened: held at any risk mode."),
    "IDENTITY": (
        "Identity",
        "Devices, e-mail, payment and phone that two accounts share. The strongest counts, the rest for a quarter.",
    ),
    "NETWORK": ("Network", "Addresses. Weak by nature: offices, campuses and carriers are told apart and silenced."),
    "TIMING": ("Timing and speed", "How fast, how regularly, how alike."),
    "VALUE": ("Value and lifecycle", "Amounts, refunds, and friends who never come back."),
    "COINS": ("Coins and codes", "Points earned by machine, and codes that are guessed."),
    "GRAPH": (
        "Links between accounts",
        "Rings, stars and chains over devices, e-mail, payment and phone. Judged by later looks.",
    ),
}
"""Family → its name and a sentence, in the order of the pages."""


def scope_of(request: HttpRequest) -> tuple[str, list]:
    """The campaign whose rules are asked for ("" for the app's), and the campaigns to choose from."""
    campaigns = list(request.app.campaigns.order_by("-created_at").values_list("pk", "name")[:200])
    asked = request.GET.get("campaign", "")
    return (asked if any(asked == pk for pk, _ in campaigns) else ""), campaigns


def by_family(weights: Weights, records: dict) -> list[dict]:
    """The signals as the pages show them, family by family."""
    families = []
    for family, (name, note) in FAMILIES.items():
        found = [
            {
                "code": code,
                "signal": signal,
                "points": weights.of(code) or 0,
                "is_on": bool(weights.of(code)),
                "is_other": (weights.of(code) or 0) != signal.points,
                "record": records.get(code, precision.Precision(code)),
            }
            for code, signal in signals().items()
            if signal.family == family
        ]
        if found:
            cap = None if family == CERTAIN else weights.caps.get(family)
            families.append({"family": family, "name": name, "note": note, "cap": cap, "signals": found})
    return families


class Rules(AppPage):
    """Every signal: what it means, what it counts, how often it was right."""

    section = "fraud_rules"
    permission = "fraud.read"
    template_name = "fraud/rules.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        campaign_id, campaigns = scope_of(request)
        weights = book.current(request.app).weights(campaign_id)
        active = rule_sets.in_force(request.app, campaign_id) or rule_sets.in_force(request.app)
        watching = request.app.fraud_rule_sets.filter(state=RuleSetState.SHADOW, campaign_id=campaign_id).first()
        context = {
            "tab": "signals",
            "families": by_family(weights, precision.of(request.app)),
            "proposals": precision.proposals(request.app),
            "active": active,
            "shadow": watching,
            "shadow_view": shadow.view(request.app, watching) if watching else None,
            "names": actors(request, {active.activated_by} if active else set()),
            "campaign_id": campaign_id,
            "campaigns": campaigns,
            "may_edit": may(request, "fraud.rules"),
        }
        return self.page(context)


# --- a draft ----------------------------------------------------------------------------------------------------------
class DraftForm(ApiForm):
    name = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Softer on devices"})
    )
    note = forms.CharField(
        max_length=500,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Why. Whoever activates it reads this.",
    )
    campaign_id = forms.ChoiceField(label="For", choices=())

    sections = (
        ("Version", "It never changes once it is made: a better one is a new draft.", ("name", "campaign_id", "note")),
    )
    wide = ("note",)

    def __init__(self, *args, campaigns: list, weights: Weights, campaign_id: str, **kwargs):
        super().__init__(*args, initial={"campaign_id": campaign_id}, **kwargs)
        self.fields["campaign_id"].choices = [("", "Every campaign without rules of its own"), *campaigns]
        for code, signal in signals().items():
            if signal.family == CERTAIN:
                continue
            on = forms.BooleanField(label=f"{code} is on", required=False, initial=bool(weights.of(code)))
            points = Count(required=False, empty="", initial=str(weights.of(code) or signal.points), max_length=6)
            points.label = f"Points of {code}"
            on.widget.attrs["aria-label"], points.widget.attrs["aria-label"] = on.label, points.label
            self.fields[f"on_{code}"], self.fields[f"points_{code}"] = on, points
        spoken = {signal.family for signal in signals().values()}
        for family in CAPS:
            if family != CERTAIN and family in spoken:
                cap = Count(required=False, empty="", initial=str(weights.caps[family]), max_length=6)
                cap.label = f"At most, of {FAMILIES[family][0].lower()}"
                self.fields[f"cap_{family}"] = cap

    def families(self) -> list[dict]:
        """For the template: each family with its cap's field and its signals with theirs."""
        found = []
        for family, (name, note) in FAMILIES.items():
            lines = [
                {"code": code, "signal": signal, "on": self[f"on_{code}"], "points": self[f"points_{code}"]}
                for code, signal in signals().items()
                if signal.family == family and family != CERTAIN
            ]
            if lines:
                found.append(
                    {"family": family, "name": name, "note": note, "cap": self[f"cap_{family}"], "lines": lines}
                )
        return found

    def sent(self) -> dict:
        told = self.cleaned_data
        body: dict = {"rules": {"signals": {}, "caps": {}}, "name": told.get("name", ""), "note": told.get("note", "")}
        if told.get("campaign_id"):
            body["campaignId"] = told["campaign_id"]
        for name, field in self.fields.items():
            kind, _, key = name.partition("_")
            if kind == "on":
                points = self.fields[f"points_{key}"].sent(told.get(f"points_{key}", ""))
                if told.get(name) or points != 0 or signals()[key].points:  # else it is as silent as it is built
                    body["rules"]["signals"][key] = {"on": bool(told.get(name)), "points": points}
            elif kind == "cap":
                body["rules"]["caps"][key] = field.sent(told.get(name, ""))
        return body

    def checked(self, body: dict) -> dict:
        return RuleSetInput.parse(body)

    def refuse(self, details: dict[str, list]) -> None:
        """``rules.signals.DEVICE_SHARED.points`` beside that signal's box."""
        rest = {}
        for theirs, sentences in details.items():
            parts = theirs.split(".")
            name = {"signals": "points", "caps": "cap"}.get(parts[1] if len(parts) > 2 else "")
            if name and f"{name}_{parts[2]}" in self.fields:
                self.add_error(f"{name}_{parts[2]}", str(sentences[0]))
            else:
                rest[theirs] = sentences
        super().refuse(rest)


class NewDraft(AppPage):
    """A draft, beginning with what is in force or with another version (``?from=``)."""

    section = "fraud_rules"
    permission = "fraud.rules"
    template_name = "fraud/draft.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(self.form())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form(request.POST)
        if not form.is_valid():
            return self.show(form, status=422)
        values = form.values | {"campaign_id": form.values.get("campaign_id") or ""}
        try:
            with transaction.atomic():
                made = rule_sets.create(request.app, **values, author=request.user, actor=actor_of(request))
        except DomainError as error:
            form.refuse_domain(error)
            return self.show(form, status=422)
        messages.success(request, f"Version {made.version} is drafted. Try it on the past before it counts.")
        return redirect(self.url("fraud_version", made.pk))

    def form(self, *args) -> DraftForm:
        campaign_id, campaigns = scope_of(self.request)
        weights, known = book.current(self.request.app).weights(campaign_id), self.request.GET.get("from")
        if known:
            found = rule_sets.get(self.request.app, known)
            weights, campaign_id = from_rules(found.version, found.rules), found.campaign_id
        return DraftForm(*args, campaigns=campaigns, weights=weights, campaign_id=campaign_id)

    def show(self, form: DraftForm, *, status: int = 200) -> HttpResponse:
        return self.page({"form": form, "certain": FAMILIES[CERTAIN]}, status=status)


# --- versions ---------------------------------------------------------------------------------------------------------
def said(rule_set: RuleSet) -> list[dict]:
    """What a version says otherwise than the built-in rules: ``[{"name", "before", "after"}]``."""
    lines = []
    for code, word in rule_set.rules.get("signals", {}).items():
        if code in signals():
            lines.append(
                {"name": code, "before": signals()[code].points, "after": word["points"] if word["on"] else "off"}
            )
    for family, cap in rule_set.rules.get("caps", {}).items():
        lines.append({"name": f"at most, of {FAMILIES[family][0].lower()}", "before": CAPS[family], "after": cap})
    return lines


def named(request: HttpRequest, found: list[RuleSet]) -> list[RuleSet]:
    """Versions with the people and campaigns by name."""
    people = {one.author_name for one in found} | {one.activated_by for one in found}
    names, campaigns = actors(request, people), {one.campaign_id for one in found if one.campaign_id}
    titles = dict(request.app.campaigns.filter(pk__in=campaigns).values_list("pk", "name"))
    for one in found:
        one.by = names.get(one.author_name, one.author_name)
        one.activated_name = names.get(one.activated_by, one.activated_by)
        one.campaign_name = titles.get(one.campaign_id, one.campaign_id)
        one.said = said(one)
    return found


class Versions(AppPage):
    section = "fraud_rules"
    permission = "fraud.read"
    template_name = "fraud/versions.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        found = named(request, list(request.app.fraud_rule_sets.order_by("-version")[:100]))
        history = list(request.app.fraud_changes.filter(noun=FraudChange.Noun.RULES).order_by("-version")[:50])
        names = actors(request, {one.actor for one in history})
        for one in history:
            one.by = names.get(one.actor, one.actor)
            one.did = one.kind.replace("_", " ")
        return self.page(
            {"tab": "versions", "versions": found, "history": history, "may_edit": may(request, "fraud.rules")}
        )


class Version(AppPage):
    """One version: what it says, what it did on the past and in shadow, and what may be done with it."""

    section = "fraud_rules"
    permission = "fraud.read"
    template_name = "fraud/version.html"

    def get(self, request: HttpRequest, rule_set_id: str) -> HttpResponse:
        (found,) = named(request, [rule_sets.get(request.app, rule_set_id)])
        in_force = rule_sets.in_force(request.app, found.campaign_id)
        needs_another = settings.of(request.app).two_person and found.author_id == request.user.pk
        runs = list(found.backtests.filter(app=request.app).order_by("-created_at")[:10])
        for run in runs:
            run.found = backtesting.result_face(run)
        context = {
            "tab": "versions",
            "version": found,
            "in_force": in_force,
            "replaces": in_force.version if in_force else rule_sets.BUILT_IN,
            "needs_another": needs_another and not found.activated_at,
            "backtests": runs,
            "days": backtesting.DAYS,
            "shadow_view": shadow.view(request.app, found),
            "may_edit": may(request, "fraud.rules"),
            "may_try": may(request, "fraud.decide"),
        }
        return self.page(context)


class _Button(Action):
    permission = "fraud.rules"
    section = "fraud_rules"

    def back(self, rule_set_id: str) -> str:
        return self.url("fraud_version", rule_set_id)

    @property
    def replaces(self) -> int | None:
        """The version that the page showed in force."""
        seen = self.request.POST.get("replaces", "")
        return int(seen) if seen.isdecimal() and len(seen) < 10 else None


class PutInShadow(_Button):
    def act(self, rule_set_id: str) -> str:
        found = rule_sets.shadow(self.request.app, rule_set_id, actor=actor_of(self.request))
        return f"Version {found.version} judges in shadow from now on, and does nothing."


class Activate(_Button):
    """Puts a version in force, or an earlier one in force again."""

    def act(self, rule_set_id: str) -> str:
        app, who = (
            self.request.app,
            {"by": self.request.user, "actor": actor_of(self.request), "replaces": self.replaces},
        )
        found = rule_sets.get(app, rule_set_id)
        if found.activated_at is not None and found.state == RuleSetState.RETIRED:
            rule_sets.roll_back(app, found.version, campaign_id=found.campaign_id, **who)
            return f"Version {found.version} is in force again."
        rule_sets.activate(app, rule_set_id, **who)
        return f"Version {found.version} is in force from now on."


class Retire(_Button):
    def act(self, rule_set_id: str) -> str:
        found = rule_sets.retire(self.request.app, rule_set_id, by=self.request.user, actor=actor_of(self.request))
        return f"Version {found.version} is retired."
