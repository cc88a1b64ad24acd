"""Rewards under lock, and what is planned for them: the ground on which every verb of a reward stands."""

from collections import defaultdict
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.db.models import F, Sum
from django.db.models.functions import Greatest

from incenta import events
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import NotFound
from incenta.money import COIN
from incentives import crediting, ledger

from . import faces_reward
from .models import CampaignSpend, Reward, StatDelta
from .models.conversion import ConversionStatus
from .models.reward import RewardStatus

WRITTEN = (
    "status", "holds", "hold_note",
    "in_budget", "netted_minor", "paid_minor", "fulfillment_reference", "claim_by", "claimed_at", "expires_at",
    "approved_at", "paid_at", "cancelled_at", "cancel_reason", "payout_reference",
)  # fmt: skip
"""What verbs change. The code is written by the claim that gives it; amounts belong to reversals."""


# many at once: the statement that Django would build takes longer to build than to run
_WRITE = f"""
UPDATE referrals_reward r SET {", ".join(f"{name} = n.{name}" for name in WRITTEN)}
FROM json_to_recordset(%(rows)s::json) AS n(id text, status text, holds text[], hold_note text, in_budget bool,
  netted_minor bigint, paid_minor bigint, fulfillment_reference text, claim_by timestamptz, claimed_at timestamptz, expires_at timestamptz,
  approved_at timestamptz, paid_at timestamptz, cancelled_at timestamptz, cancel_reason text, payout_reference text)
WHERE r.id = n.id AND r.app_id = %(app_id)s
"""


def not_found() -> NotFound:
    return NotFound("reward_not_found", "Reward not found.")


class LockedRewards:
    """Some rewards of one app, with the wallets of their users locked before them, and what is planned for them.

    Lives inside a transaction. ``rewards`` maps id to the reward as it is under the lock, with what its face reads;
    ids of other apps are simply absent. Verbs below change the rewards and plan; ``save`` writes all of it in a
    handful of statements.
    """

    def __init__(self, app: App, ids: Iterable[str], *, actor: str = ""):
        self.app, self.actor = app, actor
        ids = set(ids)
        owners = dict(app.rewards.filter(pk__in=ids).values_list("pk", "user_id"))
        # who has a reward has a wallet, unless he was erased just now
        self.wallets = ledger.lock(app, set(owners.values()), create=False)
        self.now = self.wallets.now
        # locked in one statement and read in the next: a locking join would answer joined rows from before its wait
        list(app.rewards.select_for_update().filter(pk__in=owners).order_by("pk").values_list("pk"))
        shown = app.rewards.select_related(*faces_reward.SHOWN).filter(pk__in=owners)
        self.rewards: dict[str, Reward] = {reward.pk: reward for reward in shown}
        hold_ids = [reward.ledger_hold_id for reward in self.rewards.values() if reward.status == RewardStatus.PENDING]
        self.holds = ledger.holds(app, hold_ids) if hold_ids else {}
        self._changed: dict[str, Reward] = {}
        self._freed: dict[str, int] = defaultdict(int)
        self._deltas: list[StatDelta] = []
        self._events: list[dict] = []
        self._coins: list[crediting.Coins] = []
        self._unpaid: dict[tuple[str, str], int] | None = None

    def __getitem__(self, reward_id: str) -> Reward:
        """Raises ``NotFound`` ``reward_not_found``."""
        try:
            return self.rewards[reward_id]
        except KeyError:
            raise not_found() from None

    # --- planning ---------------------------------------------------------------------------------------------------
    def move(self, reward: Reward, kind: str, minor: int | None, **more) -> None:
        self.wallets.move(
            reward.user_id, kind, reward.asset, minor, cause=reward.pk, cause_type="reward",
            rule_version=reward.rule_version, occurred_at=self.now, **more,
        )  # fmt: skip

    def changed(self, reward: Reward) -> None:
        self._changed[reward.pk] = reward

    def tell(self, reward: Reward, type: str, data: dict) -> None:
        self._events.append(
            events.event(self.app, type, data, subject=("reward", reward.pk), actor=self.actor, occurred_at=self.now)
        )

    def count_coins(self, reward: Reward, minor: int) -> None:
        """Coins that a reward brings or loses are coins earned, or taken back."""
        if reward.asset == COIN:
            self._coins.append(crediting.Coins(reward.user_id, minor, self.now, reward.pk, "reward"))

    def post(self, reward: Reward) -> None:
        """PENDING → APPROVED: what was promised is the user's."""
        hold = self.holds[reward.ledger_hold_id]
        self.count_coins(reward, hold.open_amount)
        expires_at = crediting.expires_at(self.app, self.now) if reward.asset == COIN else None
        self.move(reward, ledger.POST, None, hold=hold, expires_at=expires_at)
        reward.status, reward.approved_at = RewardStatus.APPROVED, self.now
        self.changed(reward)

    def take_back(self, reward: Reward, reason: str) -> None:
        """PENDING or APPROVED → CANCELLED: the promise ends, and with it its place in the budget and in the figures."""
        worth = reward.worth_minor
        if reward.status == RewardStatus.PENDING:
            hold = self.holds[reward.ledger_hold_id]
            if hold.open_amount:
                self.move(reward, ledger.VOID, None, hold=hold)
        elif worth:
            self.move(reward, ledger.REVERSE, worth)
            self.count_coins(reward, -worth)
        if worth and reward.in_budget:
            self._freed[reward.campaign_id] += worth
        conversion = reward.conversion
        if worth and conversion is not None and conversion.status == ConversionStatus.CONVERTED:
            self._deltas.append(
                StatDelta(
                    app=self.app, campaign_id=reward.campaign_id, referral_id=reward.referral_id, asset=reward.asset,
                    day=conversion.converted_at.astimezone(ZoneInfo(self.app.timezone)).date(), reward_minor=-worth,
                )
            )  # fmt: skip
        reward.status, reward.cancelled_at, reward.cancel_reason = RewardStatus.CANCELLED, self.now, reason
        reward.in_budget = False
        self.changed(reward)
        self.tell(reward, "REWARD_CANCELLED", faces_reward.reward_cancelled_data(reward))

    def pay_out(self, reward: Reward, reference: str | None, how: str) -> None:
        """APPROVED → PAID. Of an earlier debt (a reversal of what was paid) as much is settled first as this reward
        can bear; what the user's other approved rewards are worth is theirs, and bears nothing here."""
        worth = reward.worth_minor
        payable = min(max(self.wallets[reward.user_id].available(reward.asset) - self._unpaid_beside(reward), 0), worth)
        if payable:
            self.move(reward, ledger.PAYOUT, payable)
        reward.netted_minor = worth - payable
        reward.paid_minor = payable
        self._paid(reward, reference, how)

    def credit(self, reward: Reward, reference: str | None = None) -> None:
        """PENDING → PAID: the coins are in the user's balance."""
        self.post(reward)
        self._paid(reward, reference, "credited")

    def _paid(self, reward: Reward, reference: str | None, how: str) -> None:
        reward.status, reward.paid_at, reward.payout_reference = RewardStatus.PAID, self.now, reference
        self.changed(reward)
        self.tell(reward, "REWARD_REDEEMED", faces_reward.reward_redeemed_data(reward, how))

    def _unpaid_beside(self, reward: Reward) -> int:
        """What the other approved rewards of this user are worth, in this asset, as planned so far."""
        if self._unpaid is None:
            self._unpaid = defaultdict(int)
            others = self.app.rewards.filter(
                status=RewardStatus.APPROVED, user_id__in=[wallet.user_id for wallet in self.wallets]
            )
            sums = others.exclude(pk__in=self.rewards).values_list("user_id", "asset")
            for user_id, asset, minor in sums.annotate(minor=Sum(F("amount_minor") - F("reversed_minor"))):
                self._unpaid[user_id, asset] += int(minor)
        here = sum(
            other.worth_minor
            for other in self.rewards.values()
            if other.status == RewardStatus.APPROVED
            and (other.user_id, other.asset) == (reward.user_id, reward.asset)
            and other.pk != reward.pk
        )
        return self._unpaid[reward.user_id, reward.asset] + here

    # --- writing ----------------------------------------------------------------------------------------------------
    def save(self) -> None:
        """Writes what is planned. The campaigns' spends come last and in order, for others queue for them."""
        if self._coins:
            crediting.plan(self.app, self.wallets, self._coins, actor=self.actor).write()
        else:
            self.wallets.save()
        if self._changed:
            if len(self._changed) == 1:
                next(iter(self._changed.values())).save(update_fields=WRITTEN)
            else:
                rows = [
                    {"id": each.pk} | {name: getattr(each, name) for name in WRITTEN} for each in self._changed.values()
                ]
                sql.execute(_WRITE, {"app_id": self.app.pk, "rows": sql.as_rows(rows)})
        if self._deltas:
            StatDelta.objects.bulk_create(self._deltas)
        events.write(self._events)
        for campaign_id, minor in sorted(self._freed.items()):
            spend = CampaignSpend.objects.filter(app=self.app, campaign=campaign_id)
            spend.update(promised_minor=Greatest(F("promised_minor") - minor, 0))
        self._changed, self._deltas, self._events, self._coins = {}, [], [], []
        self._freed.clear()
