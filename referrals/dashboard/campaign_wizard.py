"""A new campaign in four steps. What was said so far is kept in the session; each step has its own address, so back and reload are
safe, and what the campaign would do stands beside every one of them."""

from typing import NamedTuple

from django import forms
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.datastructures import MultiValueDict
from formtools.wizard.views import NamedUrlSessionWizardView, WizardView

from incenta import clock
from incenta.dashboard.access import actor_of
from incenta.dashboard.pages import AppPage
from incenta.database.sql import row
from referrals import campaigns
from referrals.models.campaign import CampaignStatus

from .campaign_form import CampaignForm, as_sent
from .estimate import foreseen
from .sentences import reward_facts, rule_facts
from .templates import TEMPLATES

BLANK = "blank"
"""The card of a campaign that begins with nothing filled in."""
LONGEST = 2_100
"""Characters kept of what somebody typed and left to go back: more than any field takes, so it is refused as it would have been."""


class Step(CampaignForm):
    """One step: its own fields, checked together with what the other steps said, and told only what is wrong with its own.

    ``rest``: the fields of the other steps, as a browser would send them.
    """

    title = ""
    own: tuple[str, ...] = ()

    def __init__(self, data=None, *, rest: dict[str, str], **kwargs):
        super().__init__(None if data is None else rest | self.kept(data), **kwargs)

    @classmethod
    def kept(cls, data) -> dict[str, str]:
        """What of ``data`` this step asks for."""
        return {name: data[name][:LONGEST] for name in data if cls.is_own(name)}

    @classmethod
    def is_own(cls, name: str) -> bool:
        return name in cls.own

    def full_clean(self) -> None:
        super().full_clean()
        for name in [name for name in self._errors if not self.is_own(name)]:
            del self._errors[name]  # said where it is asked


class Goal(Step):
    title = "Goal & template"
    own = ("template", "name", "currency")

    template = forms.ChoiceField(
        choices=[*((key, template.name) for key, template in TEMPLATES.items()), (BLANK, "Something of my own")],
        required=False,
    )


class Reward(Step):
    title = "Reward"
    own = (
        *("referral_type", "reward_model", "reward_value", "reward_cap", "referee_reward_value"),
        *("level2_reward_value", "level2_reward_cap", "tier_reward_model", "fulfillment_type", "discount_type"),
        *("discount_value", "budget", "budget_policy", "max_rewards_per_referrer", NON_FIELD_ERRORS),
    )

    @classmethod
    def is_own(cls, name: str) -> bool:
        return name in cls.own or name.startswith("tier_")


class RulesAndCodes(Step):
    title = "Rules & codes"
    own = (
        *("first_time_user_only", "conversion_window_days", "hold_days", "start_at", "end_at", "claim_within_days"),
        *("reward_expiration_days", "fraud_mode", "hold_at", "block_at", "fraud_deadline_hours"),
        *("fraud_deadline_outcome", "code_prefix", "code_format", "landing_url"),
    )


class Review(Step):
    """It asks for nothing; whatever is wrong is wrong here."""

    title = "Review"

    @classmethod
    def kept(cls, data) -> dict[str, str]:
        return {}

    @classmethod
    def is_own(cls, name: str) -> bool:
        return True


class Place(NamedTuple):
    """A step in the row of steps. ``url`` where one may go there now."""

    name: str
    title: str
    url: str
    is_here: bool
    is_said: bool


class NewCampaign(AppPage, NamedUrlSessionWizardView):
    """``/new/`` goes on where one left off; ``?template=`` begins anew with one of ``TEMPLATES``, ``?afresh=yes`` with none.

    POST ``go=back`` keeps what was typed as it is, and ``preview`` keeps nothing and answers what the campaign would do.
    """

    permission = "campaigns.edit"
    section = "campaigns"
    template_name = "campaigns/wizard.html"
    form_list = (("goal", Goal), ("reward", Reward), ("rules", RulesAndCodes), ("review", Review))

    # --- where one is -------------------------------------------------------------------------------------------------
    def get_prefix(self, request: HttpRequest, *args, **kwargs) -> str:
        return f"campaign_{request.app.pk}"

    def get_step_url(self, step: str) -> str:
        return self.url(f"{self.url_name}_{step}")

    def unsaid(self) -> str:
        """The first step that nothing was said at yet."""
        said = (step for step in self.steps.all if self.storage.get_step_data(step) is None)
        return next(said, self.steps.last)

    def places(self) -> list[Place]:
        names, furthest = self.steps.all, self.steps.all.index(self.unsaid())
        return [
            Place(
                name,
                self.form_list[name].title,
                self.get_step_url(name) if number <= furthest else "",
                name == self.steps.current,
                self.storage.get_step_data(name) is not None,
            )
            for number, name in enumerate(names)
        ]

    # --- what was said, and what a step begins with ----------------------------------------------------------------------
    @property
    def template(self) -> str:
        """The template whose values fill what was not said yet."""
        said = self.storage.get_step_data("goal") or {}
        return self.typed.get("template") or said.get("template") or self.storage.extra_data.get("template", "")

    @property
    def typed(self) -> dict[str, str]:
        """What was sent just now to the first step."""
        is_goal = self.request.method == "POST" and self.steps.current == "goal"
        return Goal.kept(self.request.POST) if is_goal else {}

    def said(self, step: str) -> MultiValueDict | None:
        """What was said at a step, unless another template was chosen since: it fills the steps anew."""
        goal = self.storage.get_step_data("goal")
        if step != "goal" and goal is not None and goal.get("template", "") != self.template:
            return None
        return self.storage.get_step_data(step)

    def get_form_initial(self, step: str) -> dict[str, str]:
        begun = TEMPLATES.get(self.template)
        filled = dict(begun.initial) if begun else {}
        if step == "goal":
            return {"template": self.template or next(iter(TEMPLATES)), "name": filled.get("name", "")}
        return filled

    def get_form_prefix(self, step: str | None = None, form: type | None = None) -> None:
        return None  # no two steps ask for the same

    def get_form_kwargs(self, step: str | None = None) -> dict:
        rest: dict[str, str] = {}
        for name, form_class in self.form_list.items():
            if name != step:
                said = self.said(name)
                if said is None:
                    said = as_sent(form_class(app=self.request.app, rest={}, initial=self.get_form_initial(name)))
                rest |= form_class.kept(said)
        return {"app": self.request.app, "rest": rest}

    # --- the pages ----------------------------------------------------------------------------------------------------
    def get(self, request: HttpRequest, step: str = "") -> HttpResponseBase:
        if not step:
            if "template" in request.GET or "afresh" in request.GET:
                self.storage.reset()
                template = request.GET.get("template", "")
                self.storage.extra_data = {"template": template} if template in TEMPLATES else {}
            return redirect(self.get_step_url(self.unsaid()))
        if self.steps.all.index(step) > self.steps.all.index(self.unsaid()):
            return redirect(self.get_step_url(self.unsaid()))
        if step == self.steps.last and (missing := self.missing()):
            return redirect(self.get_step_url(missing))
        return super().get(request, step=step)

    def missing(self) -> str:
        """The first step at which nothing was said, or something that others have made wrong since; empty where all is well."""
        for name in self.steps.all[:-1]:
            said = self.said(name)
            if said is None or not self.get_form(name, data=said).is_valid():
                return name
        return ""

    def post(self, request: HttpRequest, step: str = "") -> HttpResponseBase:
        if not step:
            return redirect(self.get_step_url(self.unsaid()))
        self.storage.current_step = step
        form = self.get_form(step, data=self.sent(step))
        if request.POST.get("preview"):
            response = self.previewed(form)
            # it may be on its way while "Next" is answered: it must not put back what the session held before
            request.session.modified = False
            return response
        if request.POST.get("go") == "back":
            self.keep(step, form)
            return redirect(self.get_step_url(self.steps.prev or step))
        if step == self.steps.last and (missing := self.missing()):
            return redirect(self.get_step_url(missing))
        if not form.is_valid():
            return self.render(form, status=422)
        self.keep(step, form)
        if step == self.steps.last:
            return self.render_done(form)
        return redirect(self.get_step_url(min(self.unsaid(), self.steps.next, key=self.steps.all.index)))

    def sent(self, step: str) -> dict[str, str]:
        """What was sent; a campaign that got no name has that of its template."""
        typed = self.form_list[step].kept(self.request.POST)
        if step == "goal":
            typed["template"] = self.template or BLANK
            if not typed.get("name", "").strip() and self.template in TEMPLATES:
                typed["name"] = dict(TEMPLATES[self.template].initial)["name"]
        return typed

    def keep(self, step: str, form: Step) -> None:
        """Notes what was said at a step; what others were told for another template is forgotten."""
        if step == "goal":
            for other in self.steps.all[1:]:
                if self.said(other) is None:
                    self.storage.data[self.storage.step_data_key].pop(other, None)
        told = form.kept(form.data)
        self.storage.set_step_data(step, MultiValueDict({name: [value] for name, value in told.items()}))

    def previewed(self, form: Step) -> HttpResponse:
        if not self.request.htmx:
            return self.render(form, status=200 if form.is_valid() else 422)
        if isinstance(form, Goal) and form.unsaved is None and not form.data.get("name", "").strip():
            form = self.get_form("goal", data=self.sent("goal") | {"name": "New campaign"})  # needs no name yet
        form.is_valid()
        return self.page(foreseen(form), template="campaigns/foreseen.html")

    def render(self, form: Step | None = None, *, status: int = 200, **kwargs) -> HttpResponse:
        checked = form if form.is_bound else self.get_form(self.steps.current, data=as_sent(form))
        checked.is_valid()
        context = {
            "form": form,
            "steps": self.places(),
            "step": self.steps.current,
            "number": self.steps.step1,
            "next": self.form_list[self.steps.next].title if self.steps.next else "",
            "templates": list(TEMPLATES.values()),
            "template": form["template"].value() if isinstance(form, Goal) else self.template,
            "is_begun": self.storage.get_step_data("goal") is not None,
            "campaigns_url": self.url("campaigns"),
        } | foreseen(checked)
        if isinstance(form, Review) and checked.unsaved is not None:
            context |= {
                "draft": checked.unsaved,
                "reward_facts": reward_facts(checked.unsaved),
                "rule_facts": rule_facts(checked.unsaved),
            }
        return self.page(context, status=status)

    def render_done(self, form: Step, **kwargs) -> HttpResponse:
        return WizardView.render_done(
            self, form, **kwargs
        )  # the last step is sent by POST: no address makes a campaign

    def done(self, form_list: list[Step], form_dict: dict[str, Step], **kwargs) -> HttpResponse:
        is_draft = self.request.POST.get("status") == CampaignStatus.DRAFT
        values = form_dict["review"].values | {
            "declared_status": CampaignStatus.DRAFT if is_draft else CampaignStatus.ACTIVE
        }
        with transaction.atomic():
            if not self.is_first():
                return redirect(self.url("campaigns"))
            campaign = campaigns.create(self.request.app, values, actor=actor_of(self.request))
            self.storage.reset()
            self.request.session.save()
        status = CampaignStatus(campaign.status_at(clock.now(self.request.app))).label.lower()
        messages.success(self.request, f"{campaign.name} is {status}.")
        return redirect(self.url("campaign", campaign.pk))

    def is_first(self) -> bool:
        """Whether nobody has finished this very wizard meanwhile: a button that is pressed twice makes one campaign. Whoever comes
        second waits here for the first one's transaction."""
        session = self.request.session
        row(
            "SELECT pg_advisory_xact_lock(hashtext('referrals.wizard'), hashtext(%(key)s))",
            {"key": session.session_key},
        )
        kept = type(session)(session.session_key).get(self.storage.prefix) or {}
        return bool(kept.get(self.storage.step_data_key))
