"""A person on hold: for whole cases, not for single actions. Somebody may be held by several cases, and is free when none is left.

The rows say why; what follows from them is the programmes' business, through the handler of the subject USER.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import Exists, OuterRef

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.ids import new_id

from .models import Flag, FlagStatus, PersonHold, Subject
from .subjects import Effect, handler_of


def place(app: App, cases: Mapping[str, str], *, actor: str = "system") -> list[Effect]:
    """Puts users on hold, each for a case: user → case id. In the caller's transaction; repeating it changes nothing.

    Wallets are locked by the handler, so nothing else may be locked before.
    """
    effects = handler_of(Subject.USER).hold(app, sorted(cases), actor=actor)
    _write(app, cases, clock.now(app))
    return effects


def note(app: App, user_ids: Iterable[str]) -> None:
    """Writes down, for each of these users, that the newest open case that suspects him holds him."""
    open_flags = Flag.objects.filter(
        app=app, subject_type=Subject.USER, subject_id__in=list(user_ids), status=FlagStatus.OPEN
    )
    _write(app, dict(open_flags.order_by("last_at", "id").values_list("subject_id", "case_id")), clock.now(app))


def lift(app: App, user_ids: Iterable[str]) -> None:
    """Ends the open holds of these users, but for those of cases that suspect them still."""
    still = app.fraud_flags.filter(case=OuterRef("case"), user_id=OuterRef("user_id"), status=FlagStatus.OPEN)
    mine = app.fraud_person_holds.filter(~Exists(still), user_id__in=list(user_ids), released_at=None)
    mine.update(released_at=clock.now(app))


def still_suspected(app: App, user_ids: Iterable[str]) -> set[str]:
    """Of these users, those of whose points something is open in any case."""
    found = Flag.objects.filter(
        app=app, user_id__in=list(user_ids), subject_type__in=(Subject.USER, Subject.EVENT), status=FlagStatus.OPEN
    )
    return set(found.values_list("user_id", flat=True))


def release(app: App, user_id: str, case_id: str, *, actor: str = "system") -> list[Effect]:
    """Ends what one case holds; the person is free where no other case is left. Repeating it is harmless."""
    with sql.transaction_joined():
        mine = app.fraud_person_holds.filter(user_id=user_id, released_at=None)
        if mine.exclude(case_id=case_id).exists():
            mine.filter(case_id=case_id).update(released_at=clock.now(app))
            return []
        return handler_of(Subject.USER).release(app, [user_id], actor=actor)


def holds(app: App, user_id: str) -> bool:
    """Whether somebody is on hold."""
    return app.fraud_person_holds.filter(user_id=user_id, released_at=None).exists()


def case_of(app: App, user_ids: Iterable[str]) -> dict[str, str]:
    """User → the case that suspects him, the newest one whether or not it is decided already."""
    flags = Flag.objects.filter(app=app, subject_type=Subject.USER, subject_id__in=list(user_ids))
    return dict(flags.order_by("last_at", "id").values_list("subject_id", "case_id"))


def _write(app: App, cases: Mapping[str, str], at: datetime) -> None:
    PersonHold.objects.bulk_create(
        [
            PersonHold(id=new_id("phd"), app=app, user_id=user_id, case_id=case_id, placed_at=at)
            for user_id, case_id in sorted(cases.items())
        ],
        ignore_conflicts=True,
    )
