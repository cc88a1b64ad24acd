"""One reward: what it is, what holds it, where it came from, what moved for it, and the buttons that move it on."""

from django.http import HttpRequest, HttpResponse

from incenta import clock, money
from incenta.dashboard.access import actor_of, may
from incenta.dashboard.pages import Action, AppPage
from incenta.errors import Conflict, InvalidInput
from incentives.dashboard.words import changed
from incentives.models import Transfer
from referrals import faces_reward, payout_settings, payouts, reward_batches, reward_state, rewards
from referrals.locked_rewards import not_found
from referrals.models import Payout, Reward
from referrals.models.reward import HoldReason, RewardStatus
from referrals.reward_batches import Verb

from . import story
from .reward_batches import PROPOSED
from .words import HELD_BY, standing, step_words

MOST_ENTRIES = 50
MOVED = {
    "GRANT": "Promised",
    "POST": "Became the user's",
    "VOID": "The promise ended",
    "PAYOUT": "Paid out",
    "REVERSE": "Taken back",
}


class RewardPage(AppPage):
    section = "rewards"
    template_name = "rewards/reward.html"

    def get(self, request: HttpRequest, reward_id: str) -> HttpResponse:
        app, now = request.app, clock.now(request.app)
        reward = app.rewards.select_related(*faces_reward.SHOWN).filter(pk=reward_id).first()
        if reward is None:
            raise not_found()
        held = [HoldReason(reason) for reason in reward_state.hold_reasons(reward, now)]
        is_open = reward_state.is_open(reward)
        is_free = is_open and not held
        may_approve, may_pay = may(request, "rewards.approve"), may(request, "rewards.pay")
        return self.page(
            {
                "reward": reward,
                "standing": standing(reward, now),
                "holds": [
                    (*HELD_BY[each], reward.matures_at if each == HoldReason.HOLD_PERIOD else None) for each in held
                ],
                "moments": story.of_reward(request, reward),
                "steps": steps_of(reward),
                "entries": entries(reward),
                "face": faces_reward.reward_face(reward, now),
                "can_approve": may_approve and is_free and reward.status == RewardStatus.PENDING,
                "can_pay": may_pay and is_free and _is_payable(reward, now),
                "can_cancel": may_approve and is_open,
                "hold_note": reward.hold_note if HoldReason.MANUAL in held else "",
                "can_hold": may_approve and is_open and HoldReason.MANUAL not in held,
                "can_release": may_approve and HoldReason.MANUAL in held,
                "two_person": is_open and payout_settings.of(app).two_person,
                "payout": payouts.waiting_for(app, reward.pk) if is_open else None,
            }
        )


def _is_payable(reward: Reward, now) -> bool:
    try:
        reward_state.refuse_payment(reward, now)
    except reward_state.Conflict:
        return False
    return True


def steps_of(reward: Reward) -> list[tuple[str, str]]:
    """The steps of the conversion's trace that are about this reward."""
    trace = reward.conversion.trace if reward.conversion else {}
    return [
        step_words(step, reward.asset)
        for step in trace.get("steps", [])
        if "userId" not in step
        or (step["userId"], step.get("side"), step.get("level")) == (reward.user_id, reward.side, reward.level)
    ]


def entries(reward: Reward) -> list[Transfer]:
    """What moved in the user's ledger for it, oldest first, told in words as ``moved`` and ``change``."""
    grant = Transfer.objects.filter(app=reward.app_id, pk=reward.ledger_hold_id).first()
    if grant is None:
        return []
    found = Transfer.objects.filter(
        app=reward.app_id, wallet_id=grant.wallet_id, seq__gte=grant.seq, cause=reward.pk
    ).order_by("seq")[:MOST_ENTRIES]
    for entry in found:
        entry.moved = MOVED.get(entry.kind, entry.kind.capitalize())
        entry.change = changed(entry.kind, entry.amount, entry.asset)
    return list(found)


class RewardAction(Action):
    permission = "rewards.approve"
    section = "rewards"

    def back(self, reward_id: str) -> str:
        return self.url("reward", reward_id)

    def told(self, reward_id: str, field: str, longest: int) -> str:
        """What was typed beside the button. Raises ``NotFound`` before anything is said of it, ``InvalidInput`` where it is
        too long."""
        if not self.request.app.rewards.filter(pk=reward_id).exists():
            raise not_found()
        text = self.request.POST.get(field, "").strip()
        if len(text) > longest:
            raise InvalidInput({field: [f"At most {longest} characters."]}, f"At most {longest} characters.")
        return text


class ApproveReward(RewardAction):
    def act(self, reward_id: str) -> str:
        reward = rewards.approve(self.request.app, reward_id, actor=actor_of(self.request))
        verb = "is credited" if reward.status == RewardStatus.PAID else "is approved"
        return f"{money.display(reward.worth_minor, reward.asset)} of {reward.user_id} {verb}."


class PayReward(RewardAction):
    """Marks it paid, or proposes that to a second person where the app wants two."""

    permission = "rewards.pay"
    payout: Payout | None = None

    def back(self, reward_id: str) -> str:
        return self.url("payout", self.payout.pk) if self.payout else super().back(reward_id)

    def act(self, reward_id: str) -> str:
        reference = self.told(reward_id, "reference", 255)
        if payout_settings.of(self.request.app).two_person:
            return self.proposed(reward_id, reference)
        reward = rewards.pay(
            self.request.app, reward_id, payout_reference=reference or None, actor=actor_of(self.request)
        )
        told = f"{money.display(reward.worth_minor, reward.asset)} of {reward.user_id} is marked as paid."
        if reward.netted_minor:
            settled = money.display(reward.netted_minor, reward.asset)
            told += f" {settled} of it settled an earlier debt: {money.display(reward.paid_minor, reward.asset)} was to be paid."
        return told

    def proposed(self, reward_id: str, reference: str) -> str:
        app = self.request.app
        looked = reward_batches.look(app, Verb.PAY, [reward_id], actor=actor_of(self.request))
        for _, _, refusal in looked.skipped:
            raise refusal or Conflict("already_paid", "This reward was paid already.")
        self.payout = payouts.propose(app, looked.seen, reference=reference, by=self.request.membership)
        return PROPOSED


class CancelReward(RewardAction):
    def act(self, reward_id: str) -> str:
        reason = self.told(reward_id, "reason", 500)
        if not reason:
            raise InvalidInput({"reason": ["Say why: people ask."]}, "Say why: people ask.")
        reward = rewards.cancel(self.request.app, reward_id, reason=reason, actor=actor_of(self.request))
        return f"{money.display(reward.amount_minor, reward.asset)} of {reward.user_id} is cancelled."


class HoldReward(RewardAction):
    def act(self, reward_id: str) -> str:
        note = self.told(reward_id, "reason", 500)
        reward = rewards.hold(self.request.app, reward_id, note=note, actor=actor_of(self.request))
        return (
            f"{money.display(reward.worth_minor, reward.asset)} of {reward.user_id} is held until somebody releases it."
        )


class ReleaseReward(RewardAction):
    def act(self, reward_id: str) -> str:
        reward = rewards.release(self.request.app, reward_id, actor=actor_of(self.request))
        amount = f"{money.display(reward.worth_minor, reward.asset)} of {reward.user_id}"
        if held := reward_state.hold_reasons(reward, clock.now(self.request.app)):
            names = ", ".join(HELD_BY[HoldReason(reason)][0].lower() for reason in held)
            return f"{amount} is no longer held by hand; it is still held: {names}."
        return f"{amount} is released."
