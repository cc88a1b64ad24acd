"""How the widgets of a page look: what stands in the page's address, goes into the preview, and comes out as the tag to copy."""

from dataclasses import dataclass

from django import forms
from django.utils.html import format_html, format_html_join

ELEMENTS = {
    "referral-share": "Shows a user the link to share, with buttons that do.",
    "referral-status": "Shows what came of it: links, friends, rewards.",
    "referral-leaderboard": "Who leads, and where the user stands.",
    "marketplace-listings": "What the user's coins can be redeemed for.",
    "marketplace-listing-detail": "One listing in full.",
    "marketplace-redeem-form": "Redeems one listing, and shows the code.",
    "marketplace-user-redemptions": "The codes that the user holds.",
}
OF_ONE_LISTING = ("marketplace-listing-detail", "marketplace-redeem-form")
LISTS = ("referral-leaderboard", "marketplace-listings", "marketplace-user-redemptions")
PUBLIC = ("referral-leaderboard", "marketplace-listings", "marketplace-listing-detail")
"""These show something also to who is not signed in."""
EVENTS = (
    ("incenta:loaded", "It shows what it was asked for.", "data"),
    (
        "incenta:error",
        "It could not. The visitor reads a plain sentence; this is for your log.",
        "code, message, requestId",
    ),
    ("incenta:token-needed", "Its token is absent, or over. Hand it another one.", "userId, provide(token)"),
    ("incenta:shared", "The user has copied or sent the link.", "method, referralCode, referralUrl"),
    (
        "incenta:listing-selected",
        "The user opens a listing. Cancel it to open a page of your own.",
        "listingId, listing",
    ),
    ("incenta:redeemed", "The user has redeemed a listing.", "redemptionId, listingId, discountCode, balances …"),
)
"""Event, when, and what its ``detail`` holds. Each bubbles out of the widget."""
THEMES = [("", "As the page around it"), ("light", "Light"), ("dark", "Dark"), ("auto", "As the visitor's device")]
FONTS = [
    ("", "As the page around it"),
    ("system-ui, sans-serif", "The system's own"),
    ("Georgia, serif", "Serif"),
    ("ui-monospace, monospace", "Monospace"),
]


class LookForm(forms.Form):
    """Sent by GET: a look is an address that can be passed on. What is wrong in it is left out."""

    element = forms.ChoiceField(choices=[(name, f"<{name}>") for name in ELEMENTS], required=False)
    primary = forms.RegexField(
        label="Primary colour",
        regex=r"^#[0-9a-fA-F]{6}$",
        required=False,
        widget=forms.TextInput(attrs={"type": "color"}),
    )
    radius = forms.IntegerField(label="Corner radius", min_value=0, max_value=32, required=False)
    font = forms.ChoiceField(choices=FONTS, required=False)
    theme = forms.ChoiceField(choices=THEMES, required=False)
    limit = forms.IntegerField(label="At most", min_value=1, max_value=100, required=False)


DEFAULTS = {"element": "referral-share", "primary": "#2457d6", "radius": 10, "font": "", "theme": "", "limit": 10}


@dataclass(frozen=True, slots=True)
class Look:
    element: str
    primary: str
    radius: int
    font: str
    theme: str
    limit: int

    @classmethod
    def of(cls, form: LookForm) -> "Look":
        form.is_valid()
        told = {name: value for name, value in form.cleaned_data.items() if value not in (None, "")}
        return cls(**DEFAULTS | told)

    def attributes(self) -> dict[str, str]:
        """What differs from how widgets look by themselves, as the element's attributes."""
        found = {
            "primary-color": self.primary if self.primary != DEFAULTS["primary"] else "",
            "border-radius": str(self.radius) if self.radius != DEFAULTS["radius"] else "",
            "font-family": self.font,
            "theme": self.theme,
            "limit": str(self.limit) if self.element in LISTS and self.limit != DEFAULTS["limit"] else "",
        }
        return {name: value for name, value in found.items() if value}


def element(name: str, attributes: dict[str, str], inside: str = "") -> str:
    told = format_html_join("", ' {}="{}"', attributes.items())
    return format_html("<{}{}>{}</{}>", name, told, inside, name)


def tag(look: Look, *, app_id: str, key: str, url: str) -> str:
    """What is pasted into a web page, as text."""
    attributes = {"app-id": app_id, "key": key or "inc_pub_…"}
    attributes["token-url"] = "/incenta-token"
    if look.element in OF_ONE_LISTING:
        attributes["listing-id"] = "lst_…"
    told = "".join(f'\n  {name}="{value}"' for name, value in (attributes | look.attributes()).items())
    return f'<script type="module" src="{url}/widgets.js"></script>\n\n<{look.element}{told}></{look.element}>'
