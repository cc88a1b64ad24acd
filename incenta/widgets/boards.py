"""What a browser is told of others on a leaderboard. Anybody can be that browser, so ids are masked unless the app says otherwise."""

from collections.abc import Iterable

from incenta.accounts.models import App

from .models import BoardNames, WidgetSettings


def mask(user_id: str) -> str:
    """``a•••a`` of ``asha``: enough to know oneself by, and no e-mail address."""
    return f"{user_id[0]}•••{user_id[-1]}" if len(user_id) > 2 else "•••"


def names(app: App, user_ids: Iterable[str], *, own: str | None) -> dict[str, str]:
    """What to call each of these users before a browser whose own user is ``own``. Two statements at most."""
    ids = set(user_ids)
    settled = WidgetSettings.objects.filter(app=app).values_list("board_names", flat=True).first()
    if settled == BoardNames.USER_ID:
        return {each: each for each in ids}
    known = {}
    if settled == BoardNames.USERNAME:
        people = app.participants.filter(external_id__in=ids).exclude(username="")
        known = dict(people.values_list("external_id", "username"))
    return {each: each if each == own else known.get(each) or mask(each) for each in ids}


def faces(app: App, lines: list[dict], *, own: str | None) -> list[dict]:
    """Lines of a board as a browser may see them: ``userId`` is only one's own, else the name that is shown."""
    called = names(app, [line["userId"] for line in lines], own=own)
    return [line | {"userId": called[line["userId"]], "isYou": line["userId"] == own} for line in lines]
