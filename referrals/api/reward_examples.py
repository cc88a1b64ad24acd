"""Rewards by example, for the API's description."""

from incenta.api.examples import Choice, Either, Face, Free, Nullable, Number, Operation, Sometimes
from referrals.models.campaign import FulfillmentType
from referrals.models.reward import RewardStatus

AT = "2026-11-23T01:47:00.123Z"
CAMPAIGN_ID = "camp_01m831b2qts05fen4vdq67f4qp"
REFERRAL_ID = "ref_01m831b2qts05fen4vdq67f4qq"
CONVERSION_ID = "conv_01m831b2qts05fen4vdq67f4qr"
REWARD_ID = "rew_01m831b2qts05fen4vdq67f4qs"


REWARD = Face(
    "Reward",
    {
        "id": REWARD_ID,
        "userId": "customer_42",
        "amount": Number(5),
        "currency": "USD",
        "status": Choice(*RewardStatus.values),
        "holdReasons": ["HOLD_PERIOD"],
        "holds": [
            {
                "reason": Choice("HOLD_PERIOD", "FRAUD_REVIEW", "BUDGET", "MANUAL"),
                "releasedBy": "Time: the hold period of the campaign ends.",
                "until": Nullable("2026-12-07T01:47:00.123Z"),
                "note": Nullable("The customer asked for it", shown=False),
            }
        ],
        "heldUntil": Nullable("2026-12-07T01:47:00.123Z"),
        "level": 1,
        "side": Choice("REFERRER", "REFEREE"),
        "fulfillmentType": Choice(*FulfillmentType.values),
        "fulfillmentReference": Nullable("card_881", shown=False),
        "discountCode": Nullable("THANKS-7F2KQ9MX", shown=False),
        "discount": Nullable({"type": Choice("PERCENTAGE", "FIXED_AMOUNT"), "value": Number(15)}),
        "originalAmount": Number(5),
        "reversedAmount": Number(0),
        "nettedAmount": Number(0),
        "paidAmount": Nullable(Number(5), shown=False),
        "claimBy": Nullable(AT, shown=False),
        "expiresAt": Nullable(AT, shown=False),
        "claimedAt": Nullable(AT, shown=False),
        "approvedAt": Nullable(AT, shown=False),
        "paidAt": Nullable(AT, shown=False),
        "cancelledAt": Nullable(AT, shown=False),
        "cancelReason": Nullable("Order returned", shown=False),
        "payoutReference": Nullable("payout_77", shown=False),
        "createdAt": AT,
        "campaignId": CAMPAIGN_ID,
        "ruleVersion": 1,
        "Referral": {
            "id": REFERRAL_ID,
            "referralCode": "7F2KQ9MX",
            "campaignId": CAMPAIGN_ID,
            "Campaign": {"name": "Friends of the shop"},
        },
        "Conversion": Nullable({"id": CONVERSION_ID, "amount": Nullable(Number(49.99)), "createdAt": AT}),
    },
)
DONE = {"success": True, "reward": REWARD}
EACH = {
    "results": [
        Either(
            {"id": REWARD_ID, "status": Choice("ok"), "reward": REWARD},
            {
                "id": REWARD_ID,
                "status": Choice("error"),
                "error": "Reward not found.",
                "code": "reward_not_found",
                "details": Free({}),
            },
        )
    ],
    "succeeded": 1,
    "failed": 0,
}
VALID = {
    "valid": True,
    "code": "THANKS-7F2KQ9MX",
    "type": Choice("PERCENTAGE", "FIXED_AMOUNT"),
    "discount": Number(15),
    "currency": "USD",
    "expiresAt": Nullable("2027-02-21T01:47:00.123Z"),
    "rewardId": REWARD_ID,
    "userId": "customer_42",
    "status": Choice(*RewardStatus.values),
    "isExpired": False,
    "isRedeemed": False,
    "isCancelled": False,
    "isOnHold": False,
    "redeemedAt": Nullable(AT, shown=False),
    "fulfillmentType": Choice(*FulfillmentType.values),
    "amount": Number(5),
    "error": Sometimes("This code was redeemed already."),
    "errorCode": Sometimes("already_redeemed"),
}
OF_REWARD = {"rewardId": REWARD_ID}
IDS = {"ids": [REWARD_ID, "rew_01m831b2qts05fen4vdq67f4qv"]}


OPERATIONS = {
    ("Rewards", "get"): Operation("Rewards, newest first", item=REWARD),
    ("UserRewards", "get"): Operation("Rewards of one user, newest first", item=REWARD, path={"userId": "customer_42"}),
    ("RewardDetail", "get"): Operation("One reward", REWARD, path=OF_REWARD, codes={404: ("reward_not_found",)}),
    ("ClaimReward", "post"): Operation(
        "The claimed reward and its code",
        {
            "success": True,
            "discountCode": Nullable("THANKS-7F2KQ9MX"),
            "expiresAt": Nullable("2027-02-21T01:47:00.123Z"),
            "reward": REWARD,
        },
        path=OF_REWARD,
        body={},
        codes={404: ("reward_not_found",), 409: ("reward_not_claimable", "reward_on_hold", "code_taken")},
    ),
    ("ApproveReward", "post"): Operation(
        "The approved reward",
        DONE,
        path=OF_REWARD,
        body={},
        codes={
            404: ("reward_not_found",),
            409: ("reward_not_approvable", "reward_on_hold", "reward_cancelled", "reward_already_paid"),
        },
    ),
    ("CancelReward", "post"): Operation(
        "The cancelled reward",
        DONE,
        path=OF_REWARD,
        body={"reason": "Order returned"},
        codes={404: ("reward_not_found",), 409: ("reward_already_paid",)},
    ),
    ("PayReward", "post"): Operation(
        "The paid reward",
        DONE,
        path=OF_REWARD,
        body={"payoutReference": "payout_77"},
        codes={
            404: ("reward_not_found",),
            409: ("reward_not_payable", "reward_on_hold", "reward_cancelled", "code_expired", "already_paid"),
        },
    ),
    ("HoldReward", "post"): Operation(
        "The reward, held by hand",
        DONE,
        path=OF_REWARD,
        body={"reason": "The customer asked for it"},
        codes={404: ("reward_not_found",), 409: ("reward_already_paid", "reward_cancelled")},
    ),
    ("ReleaseReward", "post"): Operation(
        "The reward, no longer held by hand", DONE, path=OF_REWARD, body={}, codes={404: ("reward_not_found",)}
    ),
    ("ApproveRewards", "post"): Operation("The outcome for each id", EACH, body=IDS, id="approveRewards"),
    ("CancelRewards", "post"): Operation(
        "The outcome for each id", EACH, body=IDS | {"reason": "Campaign withdrawn"}, id="cancelRewards"
    ),
    ("PayRewards", "post"): Operation(
        "The outcome for each id", EACH, body=IDS | {"payoutReference": "payout_77"}, id="payRewards"
    ),
    ("ValidateCode", "get"): Operation(
        "Whether a code could be redeemed now",
        Either(VALID, {"valid": False, "error": "Discount code not found.", "code": "NOPE"}),
        query={"code": ("The code as the user typed it.", "THANKS-7F2KQ9MX")},
        required=("code",),
        description="Consumes nothing. Guessing is limited.",
        codes={429: ("too_many_unknown_codes",)},
        id="validateRewardCode",
    ),
    ("RedeemReward", "post"): Operation(
        "The redeemed reward",
        DONE,
        body={"code": "THANKS-7F2KQ9MX", "orderReference": "order_1002"},
        description="`{rewardId, userId}`, or `{code, orderReference?}`.",
        codes={
            404: ("reward_not_found",),
            409: ("already_redeemed", "reward_cancelled", "reward_not_claimed", "reward_on_hold", "code_expired"),
            429: ("too_many_unknown_codes",),
        },
        id="redeemReward",
    ),
}
