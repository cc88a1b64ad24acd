"""What happens after what: event type, or ``*`` for every one, to the functions that follow from it.

Each takes a batch of events, runs in the transaction that marks them dispatched, and is safe to repeat.
"""

from incenta.accounts import participants
from incenta.events.dispatch import Subscriber
from referrals import firing, maturing
from webhooks.fanout import fan_out


def meet_people(batch) -> None:
    """Participants are made when they are first heard of, out of the request's way."""
    participants.seen(
        (event.app_id, event.data[role], event.occurred_at)
        for event in batch
        for role in ("referrerId", "refereeId")
        if event.data.get(role)
    )


# In this order, within one transaction: what locks wallets comes last, and locks them all at once.
SUBSCRIBERS: dict[str, list[Subscriber]] = {
    "REFERRAL_CREATED": [meet_people],
    "REFERRAL_CONVERTED": [meet_people],
    "REWARD_CREATED": [maturing.ring_for],
    "*": [fan_out, firing.fire_actions],
}
