"""What the fraud review holds of a person. What was seen of him goes; what was decided stays, without his name."""

import json
import re
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from incenta.accounts import people
from incenta.accounts.models import App
from incenta.accounts.people import Holding, Person, batched, rename_beside, rename_in, renamed

from . import attachments
from .models import (
    Attachment,
    Case,
    CaseEvent,
    Decision,
    Flag,
    FraudChange,
    Link,
    ListEntry,
    Mute,
    PersonHold,
    Score,
    Sighting,
)

MOST_BESIDE = 1_000
"""Of the users of one key so many are looked at, the newest: who shares an address with more is one of a crowd, and named no more."""


class OfCases(Holding):
    """Rows of the cases in which somebody is flagged. Their place is before the flags': afterwards these bear another name."""

    def of(self, app: App, user_id: str, subjects: Sequence[str] = ()) -> QuerySet:
        return self.model._base_manager.filter(app=app, case__in=_cases_of(app, user_id))


def _cases_of(app: App, user_id: str) -> QuerySet:
    return Flag.objects.filter(app=app, user_id=user_id).values("case_id")


def tell() -> None:
    """Once, when the room is ready."""
    people.hold(
        OfCases("fraudFiles", Attachment, blanked={"name": "", "note": "", "sha256": ""}, place=-1),
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
        first=_before,
        last=_rename_in_cases,
    )


def _before(person: Person) -> None:
    attachments.erase(
        person.app, list(_cases_of(person.app, person.user_id).values_list("case_id", flat=True).distinct())
    )
    _look_beside(person)


def _look_beside(person: Person) -> None:
    """What was judged of those who were seen with a key of his, since he was: there he is named as one more of its users. And what
    was flagged of anybody for people whom he is one of."""
    ours = {"app": person.app}
    met: dict[str, datetime] = {}
    for kind, key, since in Link.objects.filter(**ours, user_id=person.user_id).values_list(
        "kind", "key", "first_seen"
    ):
        others = Link.objects.filter(**ours, kind=kind, key=key, last_seen__gte=since).exclude(user_id=person.user_id)
        for user_id in others.order_by("-first_seen").values_list("user_id", flat=True)[:MOST_BESIDE]:
            met[user_id] = min(since, met.get(user_id, since))
    for some in batched(sorted(met)):
        seen = Sighting.objects.filter(**ours, user_id__in=some, at__gte=min(met[each] for each in some))
        person.beside.update(seen.values_list("subject_id", flat=True))
    flags = Flag.objects.filter(**ours, evidence__users__contains=[person.user_id])
    person.beside.update(flags.values_list("subject_id", flat=True))


def _rename_in_cases(person: Person) -> None:
    """His name in the stories of cases, his own and others', and where he himself was the subject or stood on a list."""
    ours = {"app": person.app}
    for model in (Flag, Score):
        model.objects.filter(**ours, subject_id=person.user_id).update(subject_id=person.name)
    ListEntry.objects.filter(**ours, kind=ListEntry.Kind.USER, value=person.user_id).update(value=person.name)
    for change in FraudChange.objects.filter(
        **ours, noun=FraudChange.Noun.LIST, data__kind=ListEntry.Kind.USER, data__value=person.user_id
    ):
        change.data["value"] = person.name
        change.save(update_fields=["data"])
    cases = Case.objects.filter(**ours, pk__in=Flag.objects.filter(**ours, user_id=person.name).values("case_id"))
    cases.filter(key=f"user:{person.user_id}").update(key=f"user:{person.name}")
    for event in CaseEvent.objects.filter(**ours, case__in=cases):
        event.data = renamed(event.data, person)
        event.save(update_fields=["data"])
    for decision in Decision.objects.filter(**ours, case__in=cases):
        decision.seen, decision.effects = renamed(decision.seen, person), renamed(decision.effects, person)
        decision.save(update_fields=["seen", "effects"])
    _rename_in_sentences(person)
    rename_beside(person, Flag.objects.filter(**ours), ("evidence",), by="subject_id")
    rename_beside(person, Score.objects.filter(**ours), ("reasons", "features", "flip"), by="subject_id")
    rename_in(person, CaseEvent.objects.filter(**ours), ("data",))
    rename_in(person, Decision.objects.filter(**ours), ("seen", "effects"))


def _rename_in_sentences(person: Person) -> None:
    """What followed from a decision is told in sentences, too: ``USD 5.00 of asha is taken back.``"""
    of_app = Decision.objects.filter(app=person.app)
    for some in batched(_saying(person, of_app, "effects")):
        told = list(of_app.filter(pk__in=some))
        for decision in told:
            for effect in decision.effects:
                is_his = effect.get("userId") in (person.user_id, person.name)
                effect["text"] = _sentence(effect.get("text", ""), person, is_his=is_his)
        Decision.objects.bulk_update(told, ["effects"])
    proposals = CaseEvent.objects.filter(app=person.app, kind="payout_proposal")
    for some in batched(_saying(person, proposals, "note")):
        lines = list(proposals.filter(pk__in=some))
        for line in lines:
            effect = line.data.get("effect", {})
            is_his = effect.get("userId") in (person.user_id, person.name)
            line.note = effect["text"] = _sentence(line.note, person, is_his=is_his)
        CaseEvent.objects.bulk_update(lines, ["note", "data"])


def _saying(person: Person, rows: QuerySet, column: str) -> list:
    """The ids of rows in whose column a sentence says his id, or a code of his, as a word."""
    said = Q()
    for name in (person.user_id, *person.renamed):
        for spelling in {name, json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}:
            said |= Q(text__regex=rf"""(^|[ "]){re.escape(spelling)}([ :']|\.("|$))""")
    return list(rows.annotate(text=Cast(column, TextField())).filter(said).order_by("pk").values_list("pk", flat=True))


def _sentence(text: str, person: Person, *, is_his: bool) -> str:
    """The sentence with his other name where sentences name people, and nowhere else: an id may be the word ``5`` or ``USD``."""
    name = re.escape(person.user_id)
    places = [rf"(?<=^The conversion of ){name}(?= )", rf"(?<= by ){name}(?='s code )"]
    if is_his:  # once in each
        places.insert(
            0,
            rf"(?:(?<= of )|(?<= to )|(?<= for )|(?<= from )|^(?={name} (?:is|earns|stays|falls|loses) )){name}(?=[ .:])",
        )
    for place in places:
        text = re.sub(place, lambda found: person.name, text, count=1)
    for code, other in person.renamed.items():
        text = re.sub(rf"(?<!\S){re.escape(code)}(?=[ .]|$)", lambda found, other=other: other, text)
    return text
