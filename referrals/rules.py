"""The rules of one version of a campaign, parsed once and kept: what the hot paths decide by."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from zoneinfo import ZoneInfo

from incenta import money
from incenta.accounts.models import App
from incenta.errors import BadRequest

from .models import Campaign
from .models.campaign import CampaignStatus, FulfillmentType, ReferralType, RewardModel


@dataclass(frozen=True, slots=True)
class Tier:
    """From ``min_conversions`` earlier good conversions on, this much."""

    min_conversions: int
    value: Decimal
    cap_minor: int | None


@dataclass(frozen=True, slots=True)
class Rules:
    """A campaign version. ``value`` and its kin are percent where ``model`` is PERCENTAGE, else major units of ``asset``."""

    campaign_id: str
    campaign_name: str
    version: int
    declared_status: str
    start_at: datetime | None
    end_at: datetime | None
    referral_type: str
    model: str
    tier_model: str
    currency: str
    asset: str
    value: Decimal
    cap_minor: int | None
    referee_value: Decimal
    level2_value: Decimal
    level2_cap_minor: int | None
    tiers: tuple[Tier, ...]
    budget_minor: int | None
    holds_over_budget: bool
    max_rewards_per_referrer: int | None
    first_time_user_only: bool
    window: timedelta | None
    hold: timedelta
    claim_within: timedelta | None
    fulfillment_type: str
    discount: dict | None
    code_prefix: str
    code_format: str
    landing_url: str
    fraud_mode: str
    hold_at: int
    block_at: int
    due_hours: int | None
    due_outcome: str | None
    zone: ZoneInfo

    @classmethod
    def of(cls, campaign: Campaign) -> "Rules":
        """Of the campaign as it stands, in the zone of its app."""
        asset = money.COIN if campaign.fulfillment_type == FulfillmentType.COINS else campaign.currency

        def minor(value) -> int | None:
            return None if value is None else money.round_half_up(Decimal(value).scaleb(money.exponent(asset)))

        return cls(
            campaign_id=campaign.pk,
            campaign_name=campaign.name,
            version=campaign.version,
            declared_status=campaign.declared_status,
            start_at=campaign.start_at,
            end_at=campaign.end_at,
            referral_type=campaign.referral_type,
            model=campaign.reward_model,
            tier_model=campaign.tier_reward_model,
            currency=campaign.currency,
            asset=asset,
            value=campaign.reward_value,
            cap_minor=minor(campaign.reward_cap),
            referee_value=(campaign.referee_reward_value or Decimal(0))
            if campaign.referral_type == ReferralType.TWO_SIDED
            else Decimal(0),
            level2_value=(campaign.level2_reward_value or Decimal(0))
            if campaign.referral_type == ReferralType.MULTI_LEVEL
            else Decimal(0),
            level2_cap_minor=minor(campaign.level2_reward_cap),
            tiers=tuple(
                sorted(
                    (
                        Tier(
                            tier["minConversions"],
                            Decimal(str(tier["rewardValue"])),
                            minor(_decimal(tier.get("rewardCap"))),
                        )
                        for tier in campaign.tiers
                    ),
                    key=lambda tier: tier.min_conversions,
                )
            )
            if campaign.reward_model == RewardModel.TIERED
            else (),
            budget_minor=minor(campaign.budget),
            holds_over_budget=campaign.budget_policy == "HOLD",
            max_rewards_per_referrer=campaign.max_rewards_per_referrer,
            first_time_user_only=campaign.first_time_user_only,
            window=_days(campaign.conversion_window_days),
            hold=timedelta(days=campaign.hold_days),
            claim_within=_days(campaign.claim_within_days),
            fulfillment_type=campaign.fulfillment_type,
            discount=campaign.discount,
            code_prefix=campaign.code_prefix,
            code_format=campaign.code_format,
            landing_url=campaign.landing_url,
            fraud_mode=campaign.fraud_mode,
            hold_at=campaign.hold_at,
            block_at=campaign.block_at,
            due_hours=campaign.fraud_deadline_hours,
            due_outcome=campaign.fraud_deadline_outcome,
            zone=ZoneInfo(campaign.app.timezone),
        )

    def require_open(self, moment: datetime) -> None:
        """Raises ``BadRequest`` ``campaign_not_active``, ``_not_started`` or ``_ended`` when it takes nothing at ``moment``."""
        if self.declared_status in (CampaignStatus.DRAFT, CampaignStatus.PAUSED):
            raise BadRequest(
                "campaign_not_active", f"The campaign is {CampaignStatus(self.declared_status).label.lower()}."
            )
        if self.declared_status == CampaignStatus.EXPIRED or (self.end_at and moment >= self.end_at):
            raise BadRequest("campaign_ended", "The campaign has ended.")
        if self.start_at and moment < self.start_at:
            raise BadRequest("campaign_not_started", "The campaign has not started yet.")

    def day(self, moment: datetime) -> str:
        """The day of the app's zone that ``moment`` falls on, as ISO text."""
        return moment.astimezone(self.zone).date().isoformat()


def _decimal(value) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _days(count: int | None) -> timedelta | None:
    return None if count is None else timedelta(days=count)


_kept: dict[str, Rules] = {}
_lock = Lock()
_MOST_KEPT = 5_000


def of_version(app: App, campaign_id: str, version: int) -> Rules:
    """The rules of a campaign whose present ``version`` the caller has just read: kept in the process, loaded when they moved on."""
    rules = _kept.get(campaign_id)
    # the zone is the app's and not the campaign's: it may move on without a new version
    if rules is not None and rules.version == version and rules.zone.key == app.timezone:
        return rules
    rules = Rules.of(app.campaigns.get(pk=campaign_id))
    with _lock:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[campaign_id] = rules
    return rules
