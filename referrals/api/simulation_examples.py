"""The answer of a simulation by example, for the API's description."""

from incenta.api.examples import Choice, Face, Number, Operation
from referrals import simulating

from .reward_examples import AT, CAMPAIGN_ID


def _costs(amount: float, held: float, rewards: int) -> list[dict]:
    return [{"currency": "USD", "amount": Number(amount), "held": Number(held), "rewards": rewards}]


def _person(user_id: str, before: float, after: float) -> Face:
    fields = {"before": Number(before), "after": Number(after), "difference": Number(after - before)}
    return Face("SimulatedPerson", {"userId": user_id, "currency": "USD"} | fields)


def _replay(conversions: int, rewards: int, amount: float, held: float) -> Face:
    return Face(
        "SimulatedRules",
        {
            "conversions": conversions,
            "refused": [{"code": "already_converted", "conversions": 2}],
            "rewards": rewards,
            "costs": _costs(amount, held, rewards),
            "stopped": [{"rule": Choice(*simulating.STOPPING), "rewards": 3}],
        },
    )


SIMULATION = Face(
    "Simulation",
    {
        "campaignId": CAMPAIGN_ID,
        "ruleVersion": 3,
        "from": AT,
        "to": AT,
        "limited": False,
        "replayedUntil": AT,
        "conversions": 120,
        "draft": _replay(118, 118, 590, 10),
        "today": _replay(120, 120, 480, 8),
        "actual": {"rewards": 119, "costs": _costs(476, 8, 119)},
        "against": Choice(*simulating.AGAINST),
        "differences": [{"currency": "USD", "amount": Number(114)}],
        "winners": {
            "users": 30,
            "amounts": [{"currency": "USD", "amount": Number(120)}],
            "top": [_person("customer_42", 40, 50)],
        },
        "losers": {
            "users": 2,
            "amounts": [{"currency": "USD", "amount": Number(-6)}],
            "top": [_person("customer_7", 8, 4)],
        },
        "unchanged": 1,
        "notReplayed": ["holdDays"],
    },
)

OPERATIONS = {
    ("SimulateCampaign", "post"): Operation(
        "What other rules would have cost",
        SIMULATION,
        path={"campaignId": CAMPAIGN_ID},
        body={
            "rules": {"rewardModel": "FIXED", "rewardValue": 5, "maxRewardsPerReferrer": 20, "holdDays": 30},
            "from": "2026-09-01T00:00:00Z",
            "to": "2026-11-01T00:00:00Z",
            "against": "ACTUAL",
            "top": 10,
        },
        description=(
            "Replays the campaign's conversions of the window under the rules as they stand with the fields of `rules` changed, in "
            "the order in which they happened, with tiers, limits, levels and the budget as they would have stood. Nothing is "
            "written. `actual` is what the rewards made are worth now, `today` what today's rules come to in the same replay; "
            "winners and losers are told `against` the one or the other. Without `from` and `to` it is the last 90 days, and at "
            f"most {simulating.LONGEST.days} days. At most {simulating.MOST} conversions are replayed, the earliest: then `limited` "
            "is true and `replayedUntil` says how far. `notReplayed` names the fields that change nothing here. Conversions that were "
            "refused at the time are not known, and reviews are taken as they came out. One runs at a time in an app."
        ),
        codes={400: ("simulation_too_large",), 404: ("campaign_not_found",), 429: ("simulation_running",)},
    ),
}
