"""The incentive room's answers by example, for the API's description."""

from incenta.api.examples import Face, Free, Operation

OPERATIONS = {
    ("LedgerVerify", "get"): Operation(
        "Every balance recounted from its entries",
        Face(
            "LedgerProof",
            {
                "ok": True,
                "accounts": 2,
                "entries": 4,
                "drift": [],
                "totals": Free({"USD": {"ISSUER": -3000, "AVAILABLE": 0, "HELD": 3000, "SPENT": 0}}),
            },
        ),
        description="`drift` names what disagrees; it is empty.",
        id="verifyLedger",
    ),
}
