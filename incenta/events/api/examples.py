"""The feed's answers by example, for the API's description."""

from incenta.api.examples import Face, Free, Nullable, Operation

EVENT = Face(
    "Event",
    {
        "id": "msg_01m831b2qts05fen4vdq67f4qp",
        "event": "REWARD_CREATED",
        "data": Free({"referralId": "ref_01m831b2qts05fen4vdq67f4qq", "userId": "customer_42", "amount": 5}),
        "timestamp": "2026-11-23T01:47:00.123Z",
        "recordedAt": "2026-11-23T01:47:00.124Z",
    },
)
OPERATIONS = {
    ("Feed", "get"): Operation(
        "What happened, oldest first",
        {
            "events": [EVENT],
            "pagination": {"limit": 25, "after": Nullable("msg_01m831b2qts05fen4vdq67f4qp"), "hasMore": False},
        },
        query={
            "after": (
                "`pagination.after` of the answer before; without it, from the beginning.",
                Nullable("", shown=False),
            ),
            "type": ("Only these events, separated by commas.", Nullable("REWARD_CREATED,REWARD_CLAIMED")),
            "limit": ("Events in one answer, at most 100.", 25),
        },
        description="The stream that webhooks push, to be pulled. Who follows `after` sees every event once.",
        id="listEvents",
    ),
}
