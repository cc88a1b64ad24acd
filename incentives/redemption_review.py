"""Redemptions in the fraud review: what waits is handed over to nobody until somebody has decided.

The catalog's are here; the marketplace, which stands above, brings its own as another ``Shelf``. Locks: the users' wallets, then the
redemptions by id. A redemption that was handed over already is not taken back by itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from fraud.models import Subject
from fraud.subjects import Description, Effect
from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql

from . import ledger, redeeming, redemption_risk
from .models import ItemRedemption
from .models.catalog import RedemptionStatus
from .redemption_risk import Look, Spent

MOST = 50
"""Redemptions of one user that a look at his earning looks at, the newest."""
REASON = "Rejected in a review."
"""What a rejected redemption says of itself: the analyst's own words are not for the other party."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A redemption of any shelf, as a review sees it."""

    id: str
    user_id: str
    what: str
    coins: int
    tokens: int
    status: str
    at: datetime
    held_at: datetime | None
    url: str = ""
    facts: dict = field(default_factory=dict)

    @property
    def is_pending(self) -> bool:
        return self.status == "PENDING"

    @property
    def is_held(self) -> bool:
        return self.is_pending and self.held_at is not None

    @property
    def spent(self) -> Spent:
        return Spent(self.id, self.user_id, self.coins, self.tokens)

    @property
    def price(self) -> str:
        told = [f"{amount:,} {name}" for amount, name in ((self.coins, "coins"), (self.tokens, "tokens")) if amount]
        return " and ".join(told) or "nothing"


class Shelf(Protocol):
    """Where things are redeemed. Ids that are not of this shelf and app are left out."""

    def find(self, app: App, ids: Sequence[str], *, lock: bool = False) -> list[Redeemed]:
        """In the order of their ids, their rows locked where asked for."""

    def pending(self, app: App, user_id: str, *, since: datetime, most: int) -> list[Redeemed]:
        """What he redeemed since then and nobody has handed over, newest first."""

    def judged(self, app: App, ids: Sequence[str], *, score: int | None, held_at: datetime | None) -> None:
        """Keeps what was thought of them; with ``held_at``, holds those that wait."""

    def release(self, app: App, one: Redeemed, *, actor: str) -> str:
        """It goes on: answers what comes of it, in a sentence."""

    def cancel(self, app: App, one: Redeemed, *, reason: str, actor: str) -> None:
        """Its points return to their lots, and the stock."""


class Catalog:
    """What is redeemed in the app's own catalog."""

    def find(self, app: App, ids: Sequence[str], *, lock: bool = False) -> list[Redeemed]:
        rows = app.item_redemptions.filter(pk__in=ids).select_related("item").order_by("pk")
        return [_of_item(each) for each in (rows.select_for_update(of=("self",)) if lock else rows)]

    def pending(self, app: App, user_id: str, *, since: datetime, most: int) -> list[Redeemed]:
        waits = app.item_redemptions.filter(user_id=user_id, status=RedemptionStatus.PENDING, redeemed_at__gte=since)
        return [_of_item(each) for each in waits.select_related("item").order_by("-redeemed_at", "-id")[:most]]

    def judged(self, app: App, ids: Sequence[str], *, score: int | None, held_at: datetime | None) -> None:
        keep_judgement(app.item_redemptions, ids, score=score, held_at=held_at)

    def release(self, app: App, one: Redeemed, *, actor: str) -> str:
        redemption = redeeming.release(app, one.id, actor=actor)
        if redemption.status == RedemptionStatus.FULFILLED:
            return f"{one.user_id} is given {one.what}, with its code."
        return f"{one.what} for {one.user_id} can be handed over."

    def cancel(self, app: App, one: Redeemed, *, reason: str, actor: str) -> None:
        redeeming.settle(app, one.id, RedemptionStatus.CANCELLED, actor=actor)


def keep_judgement(redemptions, ids: Sequence[str], *, score: int | None, held_at: datetime | None) -> None:
    """``Shelf.judged``, of any table of redemptions: the manager of an app's."""
    redemptions.filter(pk__in=ids).update(risk_score=score)
    if held_at is not None:
        redemptions.filter(pk__in=ids, status="PENDING", held_at=None).update(held_at=held_at)


def _of_item(redemption: ItemRedemption) -> Redeemed:
    return Redeemed(
        redemption.pk,
        redemption.user_id,
        redemption.item.name,
        redemption.coin_cost,
        redemption.token_cost,
        redemption.status,
        redemption.redeemed_at,
        redemption.held_at,
        f"incentives/redemptions/?q={redemption.pk}",
        {"Item": redemption.item.name, "Code": "given once it is released" if redemption.code else ""},
    )


_shelves: list[Shelf] = []


def shelve(shelf: Shelf) -> None:
    """Names another place where things are redeemed; a room above says so when it is ready."""
    if shelf not in _shelves:
        _shelves.append(shelf)


def judge_pending(app: App, user_id: str, found: Look, *, since: datetime, case_key: str = "") -> None:
    """Judges what a user redeemed since then and was not handed over, by what was just found of his earning; what is held from now
    on is flagged. His wallet is locked."""
    for shelf in _shelves:
        waits = shelf.pending(app, user_id, since=since, most=MOST)
        held_at = found.at if found.is_held else None
        fresh = [each for each in waits if not (each.is_held and found.is_held)]
        if fresh:
            shelf.judged(app, [each.id for each in fresh], score=found.score, held_at=held_at)
            redemption_risk.keep(app, found, [each.spent for each in fresh], case_key=case_key)


class Redemptions:
    """REDEMPTION: what somebody took for his points."""

    def describe(self, app: App, ids: Sequence[str]) -> dict[str, Description]:
        return {one.id: _described(one) for _, one in self._found(app, ids)}

    def people(self, app: App, ids: Sequence[str]) -> set[str]:
        return {one.user_id for _, one in self._found(app, ids)}

    def hold(self, app: App, ids: Sequence[str], *, actor: str) -> list[Effect]:
        effects = []
        for shelf, some in self._by_shelf(app, ids):
            waits = [one for one in some if one.is_pending and not one.is_held]
            if waits:
                self._hold(app, shelf, waits)
            effects += [_effect("redemption_held", one, f"{_named(one)} waits for the review.") for one in waits]
        return effects

    def release(self, app: App, ids: Sequence[str], *, actor: str, preview: bool = False) -> list[Effect]:
        effects = []
        for shelf, some in self._by_shelf(app, ids):
            for one in some:
                if one.is_held:
                    text = f"{_named(one)} goes on." if preview else shelf.release(app, one, actor=actor)
                    effects.append(_effect("redemption_released", one, text))
        return effects

    def reject(self, app: App, ids: Sequence[str], *, reason: str, actor: str, preview: bool = False) -> list[Effect]:
        effects = []
        for shelf, some in self._by_shelf(app, ids):
            for one in some:
                if one.is_pending:
                    if not preview:
                        shelf.cancel(app, one, reason=REASON, actor=actor)
                    text = f"{_named(one)} is cancelled: {one.price} go back to where they came from."
                    effects.append(_effect("redemption_cancelled", one, text))
                elif one.status == "FULFILLED":
                    effects.append(
                        _effect("redemption_stays", one, f"{_named(one)} was handed over already, and stays.")
                    )
        return effects

    def restore(self, app: App, ids: Sequence[str], *, was: str, effects: list[dict], actor: str) -> list[Effect]:
        done = []
        touched = {effect["subjectId"] for effect in effects if effect.get("kind") in _UNDONE[was]}
        for shelf, some in self._by_shelf(app, ids):
            again = [one for one in some if one.is_pending and not one.is_held and one.id in touched]
            if again:
                self._hold(app, shelf, again)
            done += [_effect("redemption_held", one, f"{_named(one)} waits for the review again.") for one in again]
            for one in some:
                if one.id in touched and one.status in _ENDED:
                    done.append(_effect("redemption_stays", one, f"{_named(one)} {_ENDED[one.status]}, and stays so."))
        return done

    def _hold(self, app: App, shelf: Shelf, waits: Sequence[Redeemed]) -> None:
        scores = dict(
            app.fraud_flags.filter(subject_type=Subject.REDEMPTION, subject_id__in=[one.id for one in waits])
            .order_by("id")
            .values_list("subject_id", "score")
        )
        for one in waits:
            shelf.judged(app, [one.id], score=scores.get(one.id), held_at=clock.now(app))

    def _found(self, app: App, ids: Sequence[str]) -> Iterable[tuple[Shelf, Redeemed]]:
        return [(shelf, one) for shelf in _shelves for one in shelf.find(app, ids)]

    def _by_shelf(self, app: App, ids: Sequence[str]) -> list[tuple[Shelf, list[Redeemed]]]:
        """With the wallets and then the rows locked."""
        with sql.transaction_joined():
            ledger.lock(app, self.people(app, ids), create=False)
            return [(shelf, shelf.find(app, ids, lock=True)) for shelf in _shelves]


_UNDONE = {"APPROVE": ("redemption_released",), "REJECT": ("redemption_cancelled",)}
_ENDED = {"FULFILLED": "was handed over", "CANCELLED": "is cancelled", "EXPIRED": "has expired"}


def _named(one: Redeemed) -> str:
    return f"{one.what} of {one.user_id}"


def _effect(kind: str, one: Redeemed, text: str) -> Effect:
    [(asset, minor), *_] = list(one.spent.held.items()) or [("", 0)]
    return Effect(kind, one.id, one.user_id, asset, minor, text)


def _described(one: Redeemed) -> Description:
    return Description(
        Subject.REDEMPTION,
        one.id,
        f"{one.user_id} redeemed {one.what}",
        one.user_id,
        None,
        None,
        "",
        one.at,
        one.spent.held if one.is_held else {},
        {"Status": "Held for review" if one.is_held else one.status.capitalize(), "Spent": one.price}
        | {label: text for label, text in one.facts.items() if text},
        one.url,
        f"It {_ENDED[one.status]}." if one.status in ("CANCELLED", "EXPIRED") else "",
    )
