"""What tests of rewards ask again and again: a promise made by a real conversion, and whether the books are right."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from django.db import transaction

from incenta.accounts.models import App
from incenta.events.models import Event
from incentives import ledger
from incentives.ledger.models import Transfer, Wallet
from referrals import stats
from referrals.models import CampaignSpend, Reward
from tests.cast import Caller

_orders = count(1)


def promise(
    himal: Caller,
    amount: float = 50,
    *,
    referrer: str = "asha",
    referee: str | None = None,
    campaign: str = "",
    **fields,
) -> str:
    """The id of the referrer's reward of a fresh conversion: 10 % of ``amount`` unless the campaign says otherwise."""
    campaign = campaign or himal.campaign(**({"fulfillmentType": "DISCOUNT_CODE"} | fields))
    made = himal.convert(himal.code(campaign, referrer), referee or f"bikram-{next(_orders)}", amount)
    assert made.status == 201 and made["rewardCreated"], made
    return made["rewardId"]


def row(reward_id: str) -> Reward:
    return Reward.objects.get(pk=reward_id)


def money(app: App, user: str = "asha", asset: str = "USD") -> tuple[int, int]:
    """(available, held) of a user."""
    with transaction.atomic():
        wallets = ledger.lock(app, [user])
        return wallets[user].available(asset), wallets[user].held(asset)


def told(app: App, type: str) -> list[dict]:
    """The data of the app's events of this type, oldest first."""
    return list(Event.objects.filter(app=app, type=type).order_by("id").values_list("data", flat=True))


def books(app: App) -> tuple:
    """Everything that a refused verb must leave as it was."""
    return (
        list(Reward.objects.filter(app=app).order_by("id").values()),
        list(Wallet.objects.filter(app=app).order_by("id").values()),
        Transfer.objects.filter(app=app).count(),
        Event.objects.filter(app=app).count(),
        list(CampaignSpend.objects.filter(app=app).values()),
    )


def books_are_right(app: App) -> None:
    """The ledger has no drift, the figures equal a recount, and each budget promises what its rewards are worth."""
    assert ledger.verify(app)["drift"] == []
    for campaign in app.campaigns.all():
        figures = stats.of_campaigns(app, [campaign.pk])[campaign.pk]
        recount = stats.recount(app, campaign.pk)
        assert {name: figures[name] for name in recount} == recount
        spend = CampaignSpend.objects.filter(campaign=campaign).first()
        if spend is not None:
            live = Reward.objects.filter(campaign=campaign, in_budget=True).exclude(status="CANCELLED")
            assert spend.promised_minor == sum(reward.worth_minor for reward in live)


@contextmanager
def nothing_moves(app: App) -> Iterator[None]:
    """What is refused inside changes nothing."""
    before = books(app)
    yield
    assert books(app) == before
    books_are_right(app)
