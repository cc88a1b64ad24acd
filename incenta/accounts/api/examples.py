"""People's data and the test clock by example, for the API's description."""

from incenta.api.examples import Face, Free, Nullable, Operation

AT = "2026-11-23T01:47:00.123Z"
GONE = "former-member-7fhkq9mxwpr3"

CLOCK = Face("TestClock", {"frozenAt": Nullable(AT), "now": AT})
NOT_HERE = {403: ("sandbox_only",), 409: ("clock_backwards", "clock_runs")}

OPERATIONS = {
    ("TestClock", "get"): Operation("The sandbox's clock", CLOCK, id="getTestClock"),
    ("TestClock", "post"): Operation(
        "Stop the sandbox's clock",
        CLOCK,
        body={"frozenAt": AT},
        codes=NOT_HERE,
        description="For sandboxes only. Everything with a date goes by it: hold days, windows, expiry, boards, deadlines, webhooks.",
        id="freezeTestClock",
    ),
    ("TestClock", "delete"): Operation(
        "Let the clock run again", codes={403: ("sandbox_only",)}, id="releaseTestClock"
    ),
    ("AdvanceClock", "post"): Operation(
        "Move the clock forward",
        CLOCK,
        body={"to": AT},
        codes=NOT_HERE,
        description="Does at once what the passing of that time does: rewards mature, points and codes expire, deadlines decide.",
        id="advanceTestClock",
    ),
    ("Export", "get"): Operation(
        "All that is held of one person",
        Face(
            "PersonExport",
            {
                "userId": "customer_42",
                "exportedAt": AT,
                "data": Free({"profile": [{"externalId": "customer_42", "email": "asha@example.com"}], "rewards": []}),
            },
        ),
        description="Rows as they are stored, by noun, oldest first: what an access request asks for.",
        codes={404: ("user_not_found",)},
        id="exportUser",
    ),
    ("Person", "delete"): Operation(
        "Erase one person",
        Face("Erasure", {"userId": GONE, "erasedAt": AT, "records": Free({"profile": 1, "wallets": 1, "rewards": 2})}),
        description=(
            "Takes the name off everything at once: the rows are of `userId` from now on, which is told this once. Amounts stay, so "
            "the books balance; personal details, addresses and webhook bodies that have arrived are deleted. Whoever comes back "
            "under the old id starts anew, but is no new customer again."
        ),
        codes={404: ("user_not_found",)},
        id="eraseUser",
    ),
}
