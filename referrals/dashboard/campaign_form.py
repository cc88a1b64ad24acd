"""The form of a campaign. It sends what the API would be sent, through the same checks: both tell the same sentences."""

from decimal import Decimal, InvalidOperation

from django import forms
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from fraud.models import Deadline
from incenta import clock
from incenta.accounts.forms import currency_choices
from incenta.errors import InvalidInput
from incenta.serializers import camel, flat
from referrals import campaigns
from referrals.api.campaigns import CampaignInput
from referrals.models import Campaign
from referrals.models.campaign import BudgetPolicy, CodeFormat, FraudMode, FulfillmentType, ReferralType, RewardModel

from .sentences import plain

TIER_ROWS = 8
LONGEST_COUNT = 12
"""Digits of a whole number: far more than any field takes."""
DISCOUNTS = [("", "No discount code"), ("PERCENTAGE", "Percent off"), ("FIXED_AMOUNT", "Amount off")]


def _amount(label: str, help_text: str = "", **more) -> forms.CharField:
    attrs = {"inputmode": "decimal", "autocomplete": "off"}
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=40,
        widget=forms.TextInput(attrs=attrs),
        **{"required": False} | more,
    )


def _count(label: str, help_text: str = "") -> forms.CharField:
    attrs = {"inputmode": "numeric", "autocomplete": "off"}
    return forms.CharField(
        label=label, help_text=help_text, max_length=LONGEST_COUNT, required=False, widget=forms.TextInput(attrs=attrs)
    )


def _moment(label: str, help_text: str = "") -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, help_text=help_text, required=False, widget=widget)


class CampaignForm(forms.Form):
    """Fields in the model's spelling. ``values`` after ``is_valid()`` is what ``campaigns.create`` and ``revise`` take,
    ``unsaved`` the campaign that they would make, where nothing is wrong with it.

    What a chosen type does not use is not sent: a friend's reward left over from another choice never pays anybody.
    """

    name = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Bring a friend"})
    )
    referral_type = forms.ChoiceField(
        label="Who is rewarded",
        choices=[
            (ReferralType.ONE_SIDED, "The referrer"),
            (ReferralType.TWO_SIDED, "The referrer and the friend"),
            (ReferralType.MULTI_LEVEL, "The referrer, and whoever brought the referrer"),
        ],
        initial=ReferralType.TWO_SIDED,
        widget=forms.RadioSelect,
    )
    reward_model = forms.ChoiceField(
        label="How much",
        choices=[
            (RewardModel.FIXED, "A fixed amount"),
            (RewardModel.PERCENTAGE, "A share of the order"),
            (RewardModel.TIERED, "More with each tier reached"),
        ],
        initial=RewardModel.FIXED,
        widget=forms.RadioSelect,
    )
    currency = forms.ChoiceField(choices=currency_choices)
    reward_value = _amount("Referrer gets")
    reward_cap = _amount("At most, each time")
    referee_reward_value = _amount("Friend gets")
    level2_reward_value = _amount("Second level gets")
    level2_reward_cap = _amount("Second level at most")
    tier_reward_model = forms.ChoiceField(
        label="Tiers are",
        choices=[("FIXED", "Fixed amounts"), ("PERCENTAGE", "Shares of the order, in percent")],
        initial="FIXED",
        required=False,
    )
    budget = _amount("Budget", "All rewards of this campaign together.")
    budget_policy = forms.ChoiceField(
        label="When it is used up", choices=BudgetPolicy.choices, initial=BudgetPolicy.STOP
    )
    max_rewards_per_referrer = _count("Most rewards for one referrer")
    first_time_user_only = forms.BooleanField(label="Each friend counts once", required=False, initial=True)
    start_at = _moment("Starts")
    end_at = _moment("Ends")
    conversion_window_days = _count("Days from click to conversion", "Later conversions are refused.")
    hold_days = _count("Days until a reward matures", "Time for returns and refunds; 0 for none.")
    claim_within_days = _count("Days to claim a reward")
    reward_expiration_days = _count("Days a claimed code is good for")
    code_prefix = forms.CharField(
        max_length=12,
        required=False,
        help_text="Letters and digits.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    code_format = forms.ChoiceField(label="Codes are", choices=CodeFormat.choices, initial=CodeFormat.RANDOM)
    landing_url = forms.CharField(
        label="Landing page",
        max_length=2000,
        required=False,
        help_text="Where the short link leads; the code goes along as ?ref=.",
        widget=forms.URLInput(attrs={"placeholder": "https://shop.example.com/welcome"}),
    )
    fulfillment_type = forms.ChoiceField(
        label="Rewards are handed over as", choices=FulfillmentType.choices, initial=FulfillmentType.MANUAL
    )
    discount_type = forms.ChoiceField(label="A code gives", choices=DISCOUNTS, required=False)
    discount_value = _amount("How much off")
    fraud_mode = forms.ChoiceField(label="Suspicious conversions", choices=FraudMode.choices, initial=FraudMode.HOLD)
    hold_at = _count("Hold from risk score")
    block_at = _count("Block from risk score")
    fraud_deadline_hours = _count("Hours to decide what is held", "Empty: it waits until somebody decides.")
    fraud_deadline_outcome = forms.ChoiceField(
        label="After that", choices=[("", "It waits"), *Deadline.choices], required=False
    )
    version = forms.CharField(widget=forms.HiddenInput, required=False)

    AMOUNTS = (
        "reward_value",
        "reward_cap",
        "referee_reward_value",
        "level2_reward_value",
        "level2_reward_cap",
        "budget",
    )
    COUNTS = (
        "max_rewards_per_referrer",
        "conversion_window_days",
        "hold_days",
        "claim_within_days",
        "reward_expiration_days",
        "hold_at",
        "block_at",
        "fraud_deadline_hours",
    )
    CHOICES = (
        "referral_type",
        "reward_model",
        "tier_reward_model",
        "budget_policy",
        "code_format",
        "fulfillment_type",
        "fraud_mode",
    )
    NEVER_NULL = ("hold_days", "hold_at", "block_at", "reward_value")

    def __init__(self, *args, campaign: Campaign | None = None, app=None, **kwargs):
        if campaign is not None:
            kwargs["initial"] = initial_of(campaign) | kwargs.get("initial", {})
        elif app is not None:
            kwargs["initial"] = {
                "currency": app.currency,
                "hold_days": "0",
                "hold_at": "50",
                "block_at": "80",
            } | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        self.campaign, self.app = campaign, app or (campaign and campaign.app)
        self.unsaved: Campaign | None = None
        zone = timezone.get_current_timezone_name()
        self.fields["start_at"].help_text = f"In your time zone, {zone}. Empty: at once."
        self.fields["end_at"].help_text = "Empty: until you pause it."
        for name in ("name",):
            self.fields[name].required = False  # the API's own sentence says what is missing
        self.fields["name"].widget.attrs["aria-required"] = "true"
        self.tier_errors: list[str] = []

    # -- tiers: rows of three boxes ----------------------------------------------------------------------------------
    def tier_rows(self) -> list[dict]:
        """``[{"number", "min", "value", "cap"}]``: what was filled in, and empty rows to fill."""
        if self.is_bound:
            rows = [
                {part: self.data.get(f"tier_{number}_{part}", "") for part in ("min", "value", "cap")}
                for number in range(1, TIER_ROWS + 1)
            ]
        else:
            kept = sorted(self.campaign.tiers, key=lambda tier: tier["minConversions"]) if self.campaign else []
            rows = [
                {"min": tier["minConversions"], "value": tier["rewardValue"], "cap": tier.get("rewardCap", "")}
                for tier in kept
            ] or self._tiers_begun()
            rows += [{"min": "", "value": "", "cap": ""}] * (max(TIER_ROWS, len(rows) + 1) - len(rows))
        return [{"number": number, **row} for number, row in enumerate(rows, start=1)]

    def _tiers_begun(self) -> list[dict]:
        """The tiers that a template begins with: ``0:5,5:8``."""
        pairs = [pair.split(":") for pair in self.initial.get("tiers", "").split(",") if pair]
        return [{"min": least, "value": value, "cap": ""} for least, value in pairs]

    def _tiers(self) -> list[dict]:
        tiers = []
        for number in range(1, 51):
            least, value, cap = (self.data.get(f"tier_{number}_{part}", "").strip() for part in ("min", "value", "cap"))
            if least or value or cap:
                tier = {"minConversions": _whole(least or "0"), "rewardValue": _number(value)}
                tiers.append(tier | ({"rewardCap": _number(cap)} if cap else {}))
        return tiers

    # -- what goes out -----------------------------------------------------------------------------------------------
    def sent(self) -> dict:
        """The request body that says what this form says, in the API's spelling."""
        told = self.cleaned_data
        body = {
            "name": told.get("name", ""),
            "currency": told.get("currency"),
            "firstTimeUserOnly": told.get("first_time_user_only", False),
        }
        for name in self.CHOICES:
            if told.get(name):
                body[camel(name)] = told[name]
        for names, read in ((self.AMOUNTS, _number), (self.COUNTS, _whole)):
            for name in names:
                text = (told.get(name) or "").strip()
                if text:
                    body[camel(name)] = read(text)
                elif name not in self.NEVER_NULL:
                    body[camel(name)] = None
        if not told.get("reward_value") and body.get("rewardModel") != RewardModel.TIERED:
            body["rewardValue"] = ""  # not a number: said so, instead of rewarding nothing
        if body.get("referralType") != ReferralType.TWO_SIDED:
            body["refereeRewardValue"] = None
        if body.get("referralType") != ReferralType.MULTI_LEVEL:
            body |= {"level2RewardValue": None, "level2RewardCap": None}
        body["tiers"] = self._tiers() if body.get("rewardModel") == RewardModel.TIERED else []
        for name, theirs in (("start_at", "startDate"), ("end_at", "endDate")):
            body[theirs] = clock.iso(told[name]) if told.get(name) else None
        body |= {"codePrefix": told.get("code_prefix", ""), "landingUrl": told.get("landing_url", "")}
        body["fraudDeadlineOutcome"] = told.get("fraud_deadline_outcome") or None
        body["discount"] = (
            {"type": told["discount_type"], "value": _number(told.get("discount_value") or "")}
            if told.get("discount_type")
            else None
        )
        return body

    def clean(self) -> dict:
        told = super().clean()
        if self.campaign and told.get("version") and told["version"] != str(self.campaign.version):
            self.add_error(None, campaigns.outdated(self.campaign).message)
            return told
        try:
            self.values = CampaignInput.values(self.sent())
            unsaved = campaigns.unsaved(self.app, self.values)
        except ValidationError as error:
            self.refuse(flat(error.detail))
        except InvalidInput as error:
            self.refuse_domain(error)
        else:
            self.unsaved = unsaved if not self._errors else None
        return told

    def refuse(self, details: dict[str, list]) -> None:
        """Puts the API's sentences beside the fields they are about."""
        for theirs, sentences in details.items():
            head = theirs.split(".")[0]
            name = SPELLING.get(head)
            for sentence in sentences:
                if head == "tiers":
                    place = theirs.split(".")[1:2]
                    self.tier_errors.append(
                        f"Tier {int(place[0]) + 1}: {sentence}" if place and place[0].isdigit() else str(sentence)
                    )
                elif name in self.fields and not self.has_error(name):
                    self.add_error(name, str(sentence))
                elif name is None:
                    self.add_error(None, str(sentence))
        if self.tier_errors and not self.non_field_errors():
            self.add_error(None, "Please look at the tiers.")

    def refuse_domain(self, error: InvalidInput) -> None:
        self.refuse(
            {field: told if isinstance(told, list) else [told] for field, told in error.details.items()}
            or {"": [error.message]}
        )


def as_sent(form: CampaignForm) -> dict[str, str]:
    """What a browser would send of a form that nobody has touched."""
    shown = {name: form[name].value() for name in form.fields if name != "version"}
    for row in form.tier_rows():
        shown |= {f"tier_{row['number']}_{part}": row[part] for part in ("min", "value", "cap")}
    return {
        name: "on" if value is True else str(value) for name, value in shown.items() if value not in (None, "", False)
    }


def _number(text: str) -> Decimal | str:
    """A number where it is one; else the text, for the API's check to refuse in its own words."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _whole(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_COUNT else text


SPELLING = {camel(name): name for name in CampaignForm.base_fields} | {
    "startDate": "start_at",
    "endDate": "end_at",
    "discount": "discount_value",
    "status": None,
}


def initial_of(campaign: Campaign) -> dict:
    """What the form shows of a campaign that exists."""
    shown: dict = {"version": campaign.version, "name": campaign.name, "currency": campaign.currency}
    for name in CampaignForm.AMOUNTS:
        value = getattr(campaign, name)
        shown[name] = "" if value is None else plain(value)
    for name in (
        *CampaignForm.COUNTS,
        *CampaignForm.CHOICES,
        "first_time_user_only",
        "start_at",
        "end_at",
        "code_prefix",
        "landing_url",
        "fraud_deadline_outcome",
    ):
        shown[name] = getattr(campaign, name)
    if campaign.discount:
        shown |= {"discount_type": campaign.discount["type"], "discount_value": campaign.discount["value"]}
    return shown
