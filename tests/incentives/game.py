"""A merchant's game as tests of the incentive room play it: rules made and events sent through the API."""

from incentives.ledger import verify
from incentives.models import Activity, BoardDelta, Grant, Standing, Transfer, Wallet
from tests.cast import Answer, Caller


def made(caller: Caller, path: str, body: dict) -> dict:
    answer = caller.post(f"/incentives{path}", body)
    assert answer.status == 201, answer
    return answer.json


def action(caller: Caller, key: str = "visit", **fields) -> str:
    """An action of 10 XP and 5 coins unless told otherwise; answers its key."""
    made(caller, "/actions", {"key": key, "name": key.title(), "type": "STANDARD", "xp": 10, "coins": 5} | fields)
    return key


def level(caller: Caller, number: int, threshold: int, **fields) -> dict:
    return made(caller, "/levels", {"level": number, "name": f"Level {number}", "xpThreshold": threshold} | fields)


def badge(caller: Caller, key: str, criteria: dict | None = None, **fields) -> dict:
    return made(caller, "/badges", {"key": key, "name": key.title(), "criteria": criteria} | fields)


def milestone(caller: Caller, key: str, metric: str, threshold: int, **fields) -> dict:
    return made(caller, "/milestones/rules", {"key": key, "metric": metric, "threshold": threshold} | fields)


def did(caller: Caller, user: str = "asha", key: str = "visit", **more) -> Answer:
    """The answer of one event."""
    return caller.post("/incentives/events", {"userId": user, "actionKey": key} | more)


def points(caller: Caller, user: str = "asha") -> tuple[int, int, int]:
    """(xp, coins, tokens) of a user."""
    found = caller.get(f"/incentives/balances/{user}")
    assert found.status == 200, found
    return found["xp"], found["coins"], found["tokens"]


def standing(caller: Caller, user: str = "asha") -> Standing:
    return caller.app.standings.get(user_id=user)


def books(caller: Caller) -> tuple:
    """Everything that a refused call must leave as it was."""
    app = caller.app
    return (
        list(Wallet.objects.filter(app=app).order_by("id").values()),
        list(Standing.objects.filter(app=app).order_by("id").values()),
        Transfer.objects.filter(app=app).count(),
        Activity.objects.filter(app=app).count(),
        Grant.objects.filter(app=app).count(),
        BoardDelta.objects.filter(app=app).count(),
        app.events.count(),
        app.rule_changes.count(),
    )


def sound(caller: Caller) -> None:
    """The books balance, and the boards say what the ledger says."""
    assert verify(caller.app)["drift"] == []
    assert caller.post("/incentives/leaderboard/refresh")["drift"] == 0
