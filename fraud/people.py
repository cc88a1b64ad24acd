"""What the fraud review holds of a person. What was seen of him goes; what was decided stays, without his name."""

from incenta.accounts import people
from incenta.accounts.people import Holding, Person, renamed

from .models import Case, CaseEvent, Decision, Flag, Link, ListEntry, Mute, PersonHold, Score, Sighting


def tell() -> None:
    """Once, when the room is ready."""
    people.hold(
        Holding("fraudFlags", Flag, ("user_id",), named_in=("evidence",)),
        Holding("fraudHolds", PersonHold, ("user_id",)),
        Holding("fraudMutes", Mute, ("user_id",), is_told=False),
        Holding("fraudLinks", Link, ("user_id",), is_deleted=True, untold=frozenset(("companion",))),
        Holding("fraudSightings", Sighting, ("user_id",), is_deleted=True, untold=frozenset(("raw",))),
        Holding("fraudSightings", Sighting, subject="subject_id", is_deleted=True, is_told=False, place=1),
        Holding(
            "fraudScores",
            Score,
            subject="subject_id",
            named_in=("reasons", "features", "flip"),
            untold=frozenset(("features",)),
            place=1,
        ),
        last=_rename_in_cases,
    )


def _rename_in_cases(person: Person) -> None:
    """His name in the story of his cases, and where he himself was the subject or stood on a list."""
    ours = {"app": person.app}
    for model in (Flag, Score):
        model.objects.filter(**ours, subject_id=person.user_id).update(subject_id=person.name)
    ListEntry.objects.filter(**ours, kind=ListEntry.Kind.USER, value=person.user_id).update(value=person.name)
    cases = Case.objects.filter(**ours, pk__in=Flag.objects.filter(**ours, user_id=person.name).values("case_id"))
    cases.filter(key=f"user:{person.user_id}").update(key=f"user:{person.name}")
    for event in CaseEvent.objects.filter(**ours, case__in=cases):
        event.data = renamed(event.data, person)
        event.save(update_fields=["data"])
    for decision in Decision.objects.filter(**ours, case__in=cases):
        decision.seen, decision.effects = renamed(decision.seen, person), renamed(decision.effects, person)
        decision.save(update_fields=["seen", "effects"])
