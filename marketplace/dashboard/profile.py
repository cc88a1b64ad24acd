"""The app's face in the marketplace, what the operator says of it, and the form that makes and changes it."""

from django import forms
from django.http import HttpRequest, HttpResponse

from incenta.dashboard.access import may
from incenta.dashboard.pages import forbidden
from incentives.dashboard.rule_form import RuleForm, RuleFormPage
from marketplace import profiles
from marketplace.api.profile import ProfileChanges, ProfileInput


def text(
    label: str = "", *, placeholder: str = "", help_text: str = "", longest: int = 120, **attrs
) -> forms.CharField:
    attrs = {"autocomplete": "off"} | ({"placeholder": placeholder} if placeholder else {}) | attrs
    return forms.CharField(
        label=label or None, help_text=help_text, max_length=longest, widget=forms.TextInput(attrs=attrs)
    )


def address(label: str) -> forms.CharField:
    return forms.CharField(label=label, max_length=2000, widget=forms.URLInput(attrs={"placeholder": "https://…"}))


class ProfileForm(RuleForm):
    name = text(placeholder="Café Mitra")
    description = forms.CharField(
        max_length=2000,
        help_text="A sentence or two that other apps' users read.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "i-prose"}),
    )
    category = text(placeholder="Food and drink", longest=60)
    country = text(placeholder="NP", longest=2, help_text="Two letters. Empty: not in one country.")
    url = address("Web address")
    logo_url = address("Address of the logo")
    contact_email = forms.CharField(
        label="E-mail",
        max_length=254,
        help_text="For the operator and your partners; never public.",
        widget=forms.EmailInput(attrs={"autocomplete": "off", "placeholder": "partners@cafe.example"}),
    )

    needed = ("name",)
    wide = ("name", "description", "url", "logo_url", "contact_email")
    sections = (
        ("Who you are", "", ("name", "description", "category", "country")),
        ("Where to find you", "", ("url", "logo_url")),
        ("Contact", "", ("contact_email",)),
    )

    def sent(self) -> dict:
        return super().sent() | {"country": (self.cleaned_data.get("country") or "").upper()}

    def checked(self, body: dict) -> dict:
        return (ProfileInput if self.rule is None else ProfileChanges).parse(body)


class EditProfile(RuleFormPage):
    """Everybody reads it; the form is there for those who may edit."""

    permission = "programme.read"
    section = "marketplace_profile"
    template_name = "marketplace/profile.html"
    form_class = ProfileForm
    noun, plural = "profile", "Profile"

    def get(self, request: HttpRequest) -> HttpResponse:
        profile = profiles.of(request.app)
        return self.show(ProfileForm(app=request.app, rule=profile), profile)

    def post(self, request: HttpRequest) -> HttpResponse:
        if not may(request, "marketplace.edit"):
            return forbidden(request, "marketplace.edit")
        profile = profiles.of(request.app)
        return self.save_sent(ProfileForm(request.POST, app=request.app, rule=profile), profile)

    def save(self, form: RuleForm, **for_whom: bool) -> dict:
        verb = profiles.create if form.rule is None else profiles.revise
        return {"name": verb(self.request.app, form.values, actor=self.actor).name}

    def told(self, face: dict) -> str:
        return f"The profile of {face['name']}"

    def page(self, context: dict | None = None, **kwargs) -> HttpResponse:
        return super().page((context or {}) | {"may_edit": may(self.request, "marketplace.edit")}, **kwargs)
