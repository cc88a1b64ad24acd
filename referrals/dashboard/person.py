"""What this room tells of one person: codes, orders, rewards."""

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from incenta import clock, money
from incenta.dashboard.people import MOST_MOMENTS, Figure, Happening, Part, show_with
from referrals import userstats
from referrals.models.conversion import ConversionStatus
from referrals.models.reward import RewardStatus

from .words import standing


def part(request: HttpRequest, user_id: str) -> Part:
    """Six statements at any number of codes."""
    app, now = request.app, clock.now(request.app)

    def url(name: str, *args: str, **query: str) -> str:
        address = reverse(f"dashboard:{name}", args=[app.pk, *args])
        return f"{address}?{urlencode(query)}" if query else address

    figures = userstats.of_user(app, user_id)
    told = Part(figures=_figures(figures, url("rewards", user=user_id), url("referrals", q=user_id)))
    for referral in app.referrals.filter(Q(referrer_id=user_id) | Q(referee_id=user_id)).order_by("-created_at", "-pk")[
        :MOST_MOMENTS
    ]:
        is_own = referral.referrer_id == user_id
        text = f"Got the code {referral.code}" if is_own else f"Was invited by {referral.referrer_id}"
        told.happenings.append(
            Happening(referral.created_at, text, "ticket", url("referral", referral.pk), referral.pk)
        )
    # each side by an index of its own; the referrer's by the codes, which are his
    mine = app.conversions.defer("trace", "metadata").select_related("referral")
    bought = mine.filter(referee_id=user_id).order_by("-converted_at", "-pk")[:MOST_MOMENTS]
    brought = mine.filter(campaign__in=app.campaigns.order_by().values("pk"), referrer_id=user_id).order_by(
        "-converted_at", "-pk"
    )[:MOST_MOMENTS]
    for conversion in {each.pk: each for each in (*bought, *brought)}.values():
        amount = (
            ""
            if conversion.amount_minor is None
            else f" for {money.display(conversion.amount_minor, conversion.currency)}"
        )
        is_own = conversion.referee_id == user_id
        text = (
            f"Converted{amount}, brought by {conversion.referrer_id}"
            if is_own
            else f"Brought {conversion.referee_id}{amount}"
        )
        note = "" if conversion.status == ConversionStatus.CONVERTED else conversion.get_status_display()
        told.happenings.append(
            Happening(
                conversion.converted_at, text, "shopping-bag", url("conversion", conversion.pk), conversion.pk, note
            )
        )
    newest = app.rewards.filter(user_id=user_id).order_by("-created_at", "-pk")[:MOST_MOMENTS]
    for reward in newest:
        address, amount = url("reward", reward.pk), money.display(reward.amount_minor, reward.asset)
        state = standing(reward, now)
        is_final = reward.status in (RewardStatus.PAID, RewardStatus.CANCELLED)
        note = "" if is_final else state.text
        told.happenings.append(Happening(reward.created_at, f"Earned {amount}", "gift", address, reward.pk, note))
        if reward.paid_at:
            told.happenings.append(
                Happening(reward.paid_at, f"Was paid {amount}", "banknote", address, reward.pk, state.note)
            )
        if reward.cancelled_at:
            told.happenings.append(
                Happening(reward.cancelled_at, f"Lost {amount}", "ban", address, reward.pk, reward.cancel_reason or "")
            )
    told.links = [
        ("Codes", url("referrals", q=user_id)),
        ("Orders as a friend", url("conversions", q=user_id)),
        ("Rewards", url("rewards", user=user_id)),
    ]
    return told


def _figures(of: dict, rewards_url: str, codes_url: str) -> list[Figure]:
    made = of["referralsMade"]
    found = [Figure("Codes", f"{made['total']:,}", f"{made['converted']:,} converted", codes_url)]
    received = of["referralsReceived"]
    if received:
        found.append(Figure("Orders as a friend", f"{received['converted']:,}"))
    for earned in of["rewardsByCurrency"] or [of["rewardsEarned"]]:
        asset = earned["currency"]
        amount = {
            name: money.display(money.parse(earned[name], asset, largest=10**15), asset) for name in ("total", "paid")
        }
        found.append(Figure("Earned", amount["total"], f"{amount['paid']} paid", rewards_url))
    return found


def register() -> None:
    """Names this room as one that tells of people; once, when it is ready."""
    show_with("referrals", part)
