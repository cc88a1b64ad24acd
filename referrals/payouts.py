"""Payouts by two persons: one member proposes to mark rewards as paid, another confirms it, or declines it with a reason.

The rule binds people at the dashboard. An API key still marks rewards paid by itself: it is a machine that the merchant trusts,
which tells of money that has left already (a payment run, a gift card provider), and could find nobody to ask at night. Whoever may
make a key can so get past the rule; that leaves two lines, for the key and, in each event, for who used it. Coins are no payment:
approving credits them, and takes one person.

Confirming claims the payout first and pays then, in batches that hold nobody up: of two who confirm at once the second is refused.
Killed in between, it is confirmed and unfinished, and the second person goes on with it: what is paid by then has changed since it
was seen, and is left alone.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from incenta.accounts import audit
from incenta.accounts.models import App, Membership
from incenta.accounts.permissions import can
from incenta.database.sql import transaction_joined
from incenta.errors import Conflict, Forbidden, InvalidInput, NotFound

from . import payout_settings, reward_batches, rewards
from .models import Payout
from .models.payout import PayoutState
from .reward_batches import Batch, Verb

MOST_OPEN = 100
"""Payouts of one app that wait at a time: more are a queue that nobody looks at."""
GOES_ON_AFTER = timedelta(minutes=2)
"""From when on a confirmed payout that is not finished counts as interrupted."""
LONGEST_REASON = 500


def get(app: App, payout_id: str) -> Payout:
    """Raises ``NotFound`` ``payout_not_found``."""
    found = app.payouts.select_related("proposer").filter(pk=payout_id).first()
    if found is None:
        raise _missing()
    return found


def waiting_for(app: App, reward_id: str) -> Payout | None:
    """The payout that waits for a second person and has this reward in it."""
    return app.payouts.filter(state=PayoutState.OPEN, seen__has_key=reward_id).first()


def is_interrupted(payout: Payout) -> bool:
    """Whether it was confirmed and its end never came."""
    is_unfinished = payout.state == PayoutState.CONFIRMED and payout.finished_at is None
    return is_unfinished and timezone.now() - payout.closed_at > GOES_ON_AFTER


def pay(app: App, seen: rewards.Seen, *, reference: str, by: Membership) -> Batch | Payout:
    """Marks as paid what is still as it was seen, or proposes it, where the app wants two persons. Raises as ``propose`` does."""
    if payout_settings.of(app).two_person:
        return propose(app, seen, reference=reference, by=by)
    return reward_batches.carry_out(app, Verb.PAY, seen, told=reference, actor=_actor(by))


def propose(app: App, seen: rewards.Seen, *, reference: str, by: Membership) -> Payout:
    """A payout of what can be paid now, is as it was seen, and waits in no other payout.

    Raises ``Forbidden``; ``Conflict`` ``nothing_to_pay``, ``too_many_payouts``.
    """
    looked = reward_batches.look_again(app, Verb.PAY, seen, actor=_actor(by))
    with transaction.atomic():  # of its own, or a savepoint: a refusal undoes nothing of the caller's
        payout_settings.locked(app)
        by = _payer(app, by)
        waiting = list(app.payouts.filter(state=PayoutState.OPEN).values_list("seen", flat=True)[:MOST_OPEN])
        if len(waiting) >= MOST_OPEN:
            raise Conflict("too_many_payouts", f"{MOST_OPEN} payouts wait for a second person already.")
        taken = {id for each in waiting for id in each}
        good = [reward for reward in looked.done if reward.pk not in taken]
        if not good:
            told = "wait for a second person already" if looked.done else "changed since you looked, or cannot be paid"
            raise Conflict("nothing_to_pay", f"Nothing is proposed: these rewards {told}.")
        sums: dict[str, int] = {}
        for reward in good:
            sums[reward.asset] = sums.get(reward.asset, 0) + reward.worth_minor
        payout = Payout.objects.create(
            app=app, reference=reference, seen={reward.pk: seen[reward.pk] for reward in good}, rewards=len(good),
            sums=sums, proposer=by.user, proposed_by=_actor(by), proposed_at=timezone.now(),
        )  # fmt: skip
        _note("payout.proposed", payout, by)
    return payout


def confirm(app: App, payout_id: str, *, by: Membership) -> Batch:
    """Marks as paid all of it that is still as it was proposed. Answers what was paid, and what was left alone and why.

    Raises ``NotFound``; ``Forbidden``; ``Conflict`` ``second_person_needed`` (it is one's own), ``proposer_gone``,
    ``payout_closed``, ``payout_running``.
    """
    with transaction.atomic():
        payout = _locked(app, payout_id)
        if not is_interrupted(payout):
            _must_be_open(payout)
        by = _payer(app, by)
        _must_be_second(payout, by, "confirm")
        if not _may_propose(payout):
            raise Conflict(
                "proposer_gone", "Who proposed it may no longer mark rewards paid: decline it, and propose it anew."
            )
        _close(payout, PayoutState.CONFIRMED, by)
    batch = reward_batches.carry_out(app, Verb.PAY, payout.seen, told=payout.reference, actor=_actor(by))
    Payout.objects.filter(pk=payout.pk).update(finished_at=timezone.now())
    return batch


def decline(app: App, payout_id: str, *, reason: str, by: Membership) -> Payout:
    """Ends it; nothing is paid. Raises as ``confirm`` does; ``InvalidInput`` without a reason."""
    with transaction_joined():
        payout = _locked(app, payout_id)
        _must_be_open(payout)
        by = _payer(app, by)
        if payout.proposer_id == by.user_id:
            raise Conflict("second_person_needed", "You proposed this payout: withdraw it instead.")
        return _close(payout, PayoutState.DECLINED, by, _checked(reason, is_needed=True))


def withdraw(app: App, payout_id: str, *, reason: str = "", by: Membership) -> Payout:
    """Whoever proposed it takes it back; nothing is paid. Raises as ``confirm`` does; ``Conflict`` ``not_yours``."""
    with transaction_joined():
        payout = _locked(app, payout_id)
        _must_be_open(payout)
        by = _payer(app, by)
        if payout.proposer_id != by.user_id:
            raise Conflict("not_yours", "Somebody else proposed this payout: decline it instead.")
        return _close(payout, PayoutState.WITHDRAWN, by, _checked(reason))


# --- what it takes ----------------------------------------------------------------------------------------------------
def _locked(app: App, payout_id: str) -> Payout:
    found = app.payouts.select_for_update().filter(pk=payout_id).first()
    if found is None:
        raise _missing()
    return found


def _missing() -> NotFound:
    return NotFound("payout_not_found", "Payout not found.")


def _payer(app: App, by: Membership) -> Membership:
    """Who acts, as they are now. Raises ``Forbidden`` for who may not, or not any more."""
    now = app.merchant.memberships.select_related("user").filter(pk=by.pk).first()
    if now is None or not can(now, "rewards.pay"):
        raise Forbidden("not_allowed", "You may not mark rewards paid any more.")
    return now


def _may_propose(payout: Payout) -> bool:
    """Whether the first of the two persons is still one who may."""
    team = payout.app.merchant.memberships
    member = team.filter(user=payout.proposer_id, user__is_active=True).first() if payout.proposer_id else None
    return member is not None and can(member, "rewards.pay")


def _must_be_open(payout: Payout) -> None:
    if payout.state == PayoutState.CONFIRMED and payout.finished_at is None:
        raise Conflict("payout_running", "Somebody is confirming this payout right now.", details=_by(payout))
    if not payout.is_open:
        raise Conflict("payout_closed", f"This payout was {payout.state.lower()} already.", details=_by(payout))


def _must_be_second(payout: Payout, by: Membership, what: str) -> None:
    if payout.proposer_id == by.user_id:
        raise Conflict(
            "second_person_needed",
            f"You proposed this payout: somebody else has to {what} it.",
            details={"proposedBy": payout.proposed_by},
        )


def _checked(reason: str, *, is_needed: bool = False) -> str:
    reason = reason.strip()
    if is_needed and not reason:
        raise InvalidInput({"reason": ["Say why: who proposed it reads it."]}, "Say why: who proposed it reads it.")
    if len(reason) > LONGEST_REASON:
        raise InvalidInput(
            {"reason": [f"At most {LONGEST_REASON} characters."]}, f"At most {LONGEST_REASON} characters."
        )
    return reason


def _close(payout: Payout, state: PayoutState, by: Membership, reason: str = "") -> Payout:
    payout.state, payout.closed_by, payout.closed_at, payout.reason = state, _actor(by), timezone.now(), reason
    payout.save(update_fields=["state", "closed_by", "closed_at", "reason"])
    _note(f"payout.{state.lower()}", payout, by)
    return payout


def _note(type: str, payout: Payout, by: Membership) -> None:
    more = {"reason": payout.reason} if payout.reason else {}
    first = {} if payout.is_open else {"proposedBy": payout.proposed_by}
    told = {"rewards": payout.rewards, "reference": payout.reference} | first | more
    audit.note(type, _actor(by), app=payout.app, subject=payout.pk, **told)


def _actor(by: Membership) -> str:
    return f"user:{by.user_id}"


def _by(payout: Payout) -> dict:
    return {"state": payout.state, "closedBy": payout.closed_by, "closedAt": payout.closed_at.isoformat()}
