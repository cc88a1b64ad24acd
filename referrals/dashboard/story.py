"""What happened to a code, a conversion or a reward, from the first moment on: each with its id, who did it, what was written
of it, and who was told."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.http import HttpRequest
from django.urls import reverse

from fraud.models import FlagStatus
from incenta import money
from incenta.dashboard.access import actors, may
from incenta.dashboard.telling import Told, told
from incenta.events.models import Event
from referrals.models import Conversion, Referral, Reward
from referrals.models.reward import RewardStatus

MOST_CLICKS = 20
"""Clicks that a story tells one by one, the newest; the others are a number."""
MOST_CONVERSIONS = 50
MOST_EVENTS = 1_000


@dataclass(slots=True)
class Moment:
    """One thing that happened. ``data`` is what the event said, or what the row says."""

    at: datetime
    text: str
    icon: str
    id: str = ""
    url: str = ""
    note: str = ""
    by: str = ""
    actor: str = ""
    event: Event | None = None
    told: list[Told] = field(default_factory=list)
    is_first: bool = False
    """Told before all others, whatever the clocks say: orders that were imported happened before their code was made."""

    @property
    def data(self) -> dict | None:
        return self.event and self.event.data


class Story:
    """Collects moments of one app and, at last, whatever stands beside them, in a fixed number of statements."""

    def __init__(self, request: HttpRequest):
        self.request, self.app = request, request.app
        self.moments: list[Moment] = []
        self.events: dict[tuple[str, str], list[Event]] = defaultdict(list)

    def read_events(self, subject_ids: Iterable[str]) -> None:
        found = self.app.events.filter(subject_id__in=list(subject_ids)).order_by("id")[:MOST_EVENTS]
        for event in found:
            self.events[event.type, event.subject_id].append(event)

    def add(self, at: datetime, text: str, icon: str, *, type: str = "", subject: str = "", **more) -> None:
        """A moment, with the next event of this type that the subject has, if it is told by one."""
        events = self.events.get((type, subject))
        self.moments.append(Moment(at, text, icon, event=events.pop(0) if events else None, **more))

    def url(self, name: str, *args: str) -> str:
        return reverse(f"dashboard:{name}", args=[self.app.pk, *args])

    def told(self) -> list[Moment]:
        """All of it in order, with names and who was told."""
        self.moments.sort(key=lambda moment: (not moment.is_first, moment.at))
        with_event = [moment for moment in self.moments if moment.event]
        names = actors(self.request, {moment.event.actor for moment in with_event} | {m.actor for m in self.moments})
        deliveries = told(self.request, [moment.event.pk for moment in with_event])
        for moment in self.moments:
            actor = moment.event.actor if moment.event else moment.actor
            moment.by = names.get(actor, "" if actor in ("", "system") else actor)
            if moment.event:
                moment.told = deliveries.get(moment.event.pk, [])
        return self.moments

    # --- what happens -----------------------------------------------------------------------------------------------
    def code(self, referral: Referral) -> None:
        """The code's creation and its newest clicks."""
        made = self.app.events.filter(subject_id=referral.pk, type="REFERRAL_CREATED").order_by("id").first()
        friend = f" for {referral.referee_id}" if referral.referee_id else ""
        text = f"{referral.referrer_id} got the code {referral.code}{friend}"
        self.moments.append(Moment(referral.created_at, text, "ticket", referral.pk, event=made, is_first=True))
        clicks = self.app.events.filter(subject_id=referral.pk, type="REFERRAL_CLICKED").order_by("-id")[:MOST_CLICKS]
        for event in clicks:
            who = event.data.get("refereeId")
            text = f"{who} followed the link" if who else "Somebody followed the link"
            moment = Moment(event.occurred_at, text, "mouse-pointer-click", event.data["clickId"], event=event)
            self.moments.append(moment)

    def conversion(self, conversion: Conversion, *, links: bool = True) -> None:
        amount = (
            ""
            if conversion.amount_minor is None
            else f", {money.display(conversion.amount_minor, conversion.currency)}"
        )
        order = f", order {conversion.external_id}" if conversion.external_id else ""
        self.add(
            conversion.converted_at,
            f"{conversion.referee_id} converted{amount}{order}",
            "shopping-bag",
            type="REFERRAL_CONVERTED",
            subject=conversion.pk,
            id=conversion.pk,
            url=self.url("conversion", conversion.pk) if links else "",
            note=conversion.warning or "",
        )
        for reversal in conversion.reversals.all():
            minor = reversal.amount_minor or 0
            back = f"{money.display(abs(minor), conversion.currency)} " if minor else ""
            text = f"{back}given back again" if minor < 0 else f"{back}taken back" if back else "Taken back"
            self.add(
                reversal.created_at,
                text,
                "undo-2",
                type="REFERRAL_REVERSED",
                subject=conversion.pk,
                id=reversal.pk,
                note=reversal.reason,
                actor=reversal.actor,
            )

    def reward(self, reward: Reward, *, links: bool = True) -> None:
        amount, who = money.display(reward.amount_minor, reward.asset), reward.user_id
        url = self.url("reward", reward.pk) if links else ""
        side = " as the friend" if reward.side == "REFEREE" else " as second level" if reward.level > 1 else ""
        self.add(
            reward.created_at, f"{who} earned {amount}{side}", "gift", type="REWARD_CREATED", subject=reward.pk,
            id=reward.pk, url=url,
        )  # fmt: skip
        if reward.approved_at and reward.asset not in money.POINTS:
            self.moments.append(Moment(reward.approved_at, f"{amount} of {who} was approved", "check", reward.pk, url))
        if reward.claimed_at:
            self.add(
                reward.claimed_at, f"{who} claimed {amount}", "ticket-check", type="REWARD_CLAIMED", subject=reward.pk,
                id=reward.pk, url=url,
            )  # fmt: skip
        if reward.status == RewardStatus.PAID and reward.paid_at:
            note = f"Reference {reward.payout_reference}" if reward.payout_reference else ""
            if reward.netted_minor:
                settled = money.display(reward.netted_minor, reward.asset)
                note += f"{'; ' if note else ''}{settled} of it settled an earlier debt"
            verb = "was credited with" if reward.asset in money.POINTS else "was paid"
            self.add(
                reward.paid_at, f"{who} {verb} {money.display(reward.worth_minor, reward.asset)}", "banknote",
                type="REWARD_REDEEMED", subject=reward.pk, id=reward.pk, url=url, note=note,
            )  # fmt: skip
        if reward.status == RewardStatus.CANCELLED and reward.cancelled_at:
            self.add(
                reward.cancelled_at, f"{amount} of {who} was cancelled", "ban", type="REWARD_CANCELLED",
                subject=reward.pk, id=reward.pk, url=url, note=reward.cancel_reason or "",
            )  # fmt: skip

    def suspicions(self, subject_ids: Iterable[str]) -> None:
        """What was held for review and how that was decided, for those who may know."""
        if not may(self.request, "fraud.read"):
            return
        for flag in self.app.fraud_flags.filter(subject_id__in=list(subject_ids)).order_by("first_at", "id")[:50]:
            url = self.url("fraud_case", flag.case_id)
            text = f"Suspected, risk {flag.score}"
            self.moments.append(Moment(flag.first_at, text, "shield-alert", flag.case_id, url, note=flag.message))
            if flag.resolved_at and flag.status != FlagStatus.OPEN:
                is_fraud = flag.status == FlagStatus.REJECTED
                text = "Found to be fraud" if is_fraud else "Found to be honest"
                self.moments.append(
                    Moment(
                        flag.resolved_at, text, "shield-x" if is_fraud else "shield-check", flag.case_id, url,
                        note=flag.note, actor=flag.resolved_by,
                    )
                )  # fmt: skip


def of_referral(request: HttpRequest, referral: Referral) -> tuple[list[Moment], list[Conversion], list[Reward]]:
    """The story of one code, and the newest conversions and their rewards, of which it tells."""
    app, story = request.app, Story(request)
    conversions = list(
        app.conversions.filter(referral=referral)
        .defer("trace")
        .prefetch_related("reversals")
        .order_by("-converted_at", "-pk")[:MOST_CONVERSIONS]
    )
    rewards = list(app.rewards.filter(conversion__in=conversions).order_by("pk"))
    ids = [each.pk for each in (*conversions, *rewards)]
    story.read_events(ids)
    story.code(referral)
    for conversion in conversions:
        story.conversion(conversion)
    for reward in rewards:
        story.reward(reward)
    story.suspicions([referral.pk, *(each.pk for each in conversions)])
    return story.told(), conversions, rewards


def of_conversion(request: HttpRequest, conversion: Conversion, rewards: list[Reward]) -> list[Moment]:
    """One conversion with its rewards, reversals and suspicions."""
    story = Story(request)
    story.read_events([conversion.pk, *(each.pk for each in rewards)])
    story.conversion(conversion, links=False)
    for reward in rewards:
        story.reward(reward)
    story.suspicions([conversion.pk])
    return story.told()


def of_reward(request: HttpRequest, reward: Reward) -> list[Moment]:
    """One reward with its conversion, the reversals of that and the suspicions against it."""
    story = Story(request)
    conversion = reward.conversion
    story.read_events([reward.pk, *([conversion.pk] if conversion else [])])
    if conversion:
        story.conversion(conversion)
        story.suspicions([conversion.pk])
    story.reward(reward, links=False)
    return story.told()
