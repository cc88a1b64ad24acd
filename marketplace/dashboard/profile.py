"""The app's face in the marketplace, what the operator says of it, and the form that makes and changes it."""

from django import forms

from incentives.dashboard.rule_form import RuleForm, RuleFormPage
from marketplace import profiles
from marketplace.api.profile import ProfileChanges, ProfileInput
from marketplace.models import Profile


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
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    category = text(placeholder="Food and drink", longest=60)
    country = text(placeholder="NP", longest=2, help_text="Two letters. Empty: not in one country.")
    url = address("Web address")
    logo_url = address("Address of the logo")
    contact_email = forms.CharField(
        label="Contact",
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

    def checked(self, body: dict) -> dict:
        return (ProfileInput if self.rule is None else ProfileChanges).parse(body)


class EditProfile(RuleFormPage):
    """``GET`` reads it for everybody; the form is there for those who may edit."""

    permission = "marketplace.edit"
    section = "marketplace_profile"
    template_name = "marketplace/profile.html"
    form_class = ProfileForm
    noun, plural = "profile", "Profile"

    def find(self, **kwargs) -> Profile | None:
        return Profile.objects.filter(app=self.request.app).first()

    def get(self, request, **kwargs):
        rule = self.find()
        return self.show(self.form_class(app=request.app, rule=rule), rule)

    def save(self, form: RuleForm, **for_whom: bool) -> dict:
        app = self.request.app
        if form.rule is None:
            profile = profiles.create(app, form.values, actor=self.actor)
        else:
            profile = profiles.revise(app, form.values, actor=self.actor)
        return {"name": profile.name}

    def told(self, face: dict) -> str:
        return f"The profile of {face['name']}"
