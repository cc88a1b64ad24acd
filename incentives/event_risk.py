"""How suspicious recorded events are. An event alone says nothing: what is judged is how its user earns, soon afterwards, and an event
has the score of the pattern that it is part of."""

from collections.abc import Sequence
from datetime import datetime

from fraud.models import Flag, Subject
from incenta.accounts.models import App

from .models import Activity


def scores(app: App, activities: Sequence[Activity]) -> dict[str, int]:
    """Event's id → the highest score of those flags of its user that speak of its action and reach its moment, and of its own; or
    the one that it was answered with. Those that nothing speaks against are left out. One statement."""
    found = {each.pk: told for each in activities if (told := each.outcome.get("riskScore")) is not None}
    users = {each.user_id for each in activities}
    flags = Flag.objects.filter(
        app=app,
        subject_id__in=[*users, *(each.pk for each in activities)],
        subject_type__in=(Subject.USER, Subject.EVENT),
    )
    of_subject: dict[tuple[str, str], list[Flag]] = {}
    for flag in flags.only("subject_type", "subject_id", "score", "evidence", "last_at"):
        of_subject.setdefault((flag.subject_type, flag.subject_id), []).append(flag)
    for each in activities:
        speaks = [flag for flag in of_subject.get((Subject.USER, each.user_id), ()) if _is_part(each, flag)]
        speaks += of_subject.get((Subject.EVENT, each.pk), [])
        if speaks:
            found[each.pk] = max(found.get(each.pk, 0), *(flag.score for flag in speaks))
    return found


def _is_part(activity: Activity, flag: Flag) -> bool:
    actions, since = flag.evidence.get("actions"), flag.evidence.get("since")
    if not actions or not since or activity.action_key not in actions:
        return False
    return datetime.fromisoformat(since) <= activity.occurred_at <= flag.last_at
