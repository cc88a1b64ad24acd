"""The form of a rule, and the page that it stands on: made new, or changed where nobody else changed it meanwhile."""

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from incenta import clock
from incenta.dashboard.access import actor_of
from incenta.dashboard.api_form import ApiForm
from incenta.dashboard.pages import AppPage
from incenta.errors import DomainError, NotFound


class RuleForm(ApiForm):
    """``rule`` is the row that is changed, ``None`` for a new one. What names it cannot be changed: ``fixed``."""

    seen = forms.CharField(widget=forms.HiddenInput)
    own: tuple[str, ...] = ("seen",)
    fixed: tuple[str, ...] = ("key",)

    def __init__(self, *args, app, rule=None, **kwargs):
        if rule is not None:
            kwargs["initial"] = self.initial_of(rule) | {"seen": clock.iso(rule.updated_at)}
        super().__init__(*args, **kwargs)
        self.app, self.rule = app, rule
        if rule is not None:
            for name in self.fixed:
                self.fields.pop(name, None)

    @classmethod
    def initial_of(cls, rule) -> dict:
        """What the form shows of a rule that exists: its own values, where the names agree."""
        shown = {name: getattr(rule, name) for name in cls.base_fields if hasattr(rule, name)}
        return {name: "" if value is None else value for name, value in shown.items()}

    def clean(self) -> dict:
        if self.rule is not None and self.cleaned_data.get("seen") != clock.iso(self.rule.updated_at):
            self.add_error(None, "Somebody changed this meanwhile. Please open it again.")
            return self.cleaned_data
        return super().clean()


class RuleFormPage(AppPage):
    """Makes a rule at ``…/new/``, changes it at ``…/{key}/edit/``. A subclass says how in ``find``, ``save`` and ``told``.

    With ``asks_about_old_users``, nothing is saved before the page has said how many users qualify already and been told what
    to do about them (``do=save`` or ``do=backfill``); where nobody does, it is saved at once.
    """

    permission = "incentives.edit"
    template_name = "incentives/form.html"
    form_class: type[RuleForm]
    noun = ""
    plural = ""
    lead = ""
    asks_about_old_users = False

    def find(self, **kwargs):
        """The rule that the address names; ``None`` where it may be absent. Raises ``NotFound``."""
        raise NotImplementedError

    def save(self, form: RuleForm, **for_whom: bool) -> dict:
        """Calls the verb; answers the face."""
        raise NotImplementedError

    def told(self, face: dict) -> str:
        """What to call the saved rule in the sentence that says so."""
        return face["name"]

    def get(self, request: HttpRequest, **kwargs) -> HttpResponse:
        rule = self.find(**kwargs) if kwargs else None
        return self.show(self.form_class(app=request.app, rule=rule), rule)

    def post(self, request: HttpRequest, **kwargs) -> HttpResponse:
        rule = self.find(**kwargs) if kwargs else None
        return self.save_sent(self.form_class(request.POST, app=request.app, rule=rule), rule)

    def save_sent(self, form: RuleForm, rule) -> HttpResponse:
        """Saves what a filled-in form says, or shows it again with what is wrong."""
        request = self.request
        if not form.is_valid():
            return self.show(form, rule, status=422)
        asked = request.POST.get("do")
        try:
            if self.asks_about_old_users and asked not in ("save", "backfill"):
                preview = self.save(form, preview=True)
                if preview["qualifying"]:
                    return self.show(form, rule, qualifying=preview["qualifying"])
            with transaction.atomic():
                face = self.save(
                    form, **({"backfill": True} if asked == "backfill" and self.asks_about_old_users else {})
                )
        except NotFound:
            raise
        except DomainError as error:
            form.refuse_domain(error)
            return self.show(form, rule, status=422)
        given = face.get("backfill")
        more = f" It is being given to the {given['total']:,} who qualify already." if given and given["total"] else ""
        messages.success(request, f"{self.told(face)} is saved.{more}")
        return redirect(self.url(self.section))

    @property
    def actor(self) -> str:
        return actor_of(self.request)

    def show(self, form: RuleForm, rule, *, status: int = 200, qualifying: int = 0) -> HttpResponse:
        context = {
            "form": form,
            "rule": rule,
            "ident": getattr(rule, "key", None) or (rule.pk if rule is not None and isinstance(rule.pk, str) else ""),
            "noun": self.noun,
            "plural": self.plural,
            "lead": self.lead,
            "section_url": self.url(self.section),
            "qualifying": qualifying,
        }
        return self.page(context, status=status)
