"""What fraud asks of this room: events and their users. A suspected event holds its user, for points that are on a balance could
be spent meanwhile; what was done before the hold began stays until a person has said that it was fraud."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import quote

from fraud import person_holds, subjects
from fraud.models import Flag, Subject
from fraud.subjects import Description, Effect
from incenta import clock
from incenta.accounts.models import App
from incenta.money import COIN, TOKEN, XP

from . import ledger, withholding
from .models import Activity
from .redemption_review import Catalog, Redemptions, shelve
from .withholding import ASSETS, Moved, Suspected

WORDS = {XP: "XP", COIN: "coins", TOKEN: "tokens"}


class Users:
    """USER: whoever farms points."""

    def describe(self, app: App, ids: Sequence[str]) -> dict[str, Description]:
        """Of those who have a wallet or a standing here."""
        wallets = {wallet.user_id: wallet for wallet in app.wallets.filter(user_id__in=ids)}
        standings = {standing.user_id: standing for standing in app.standings.filter(user_id__in=ids)}
        withheld = withholding.withheld_of(app, ids)
        now = clock.now(app)
        found = {}
        for user_id in ids:
            wallet, standing = wallets.get(user_id), standings.get(user_id)
            if wallet is None and standing is None:
                continue
            facts = {}
            if wallet:
                facts |= {"XP": f"{wallet.xp:,}", "Coins": f"{wallet.coins:,}", "Tokens": f"{wallet.tokens:,}"}
            if standing:
                facts |= {
                    "Events": f"{standing.events:,}",
                    "Level": str(standing.level),
                    "Coins earned": f"{standing.coins_earned:,}",
                    "Streak": f"{standing.streak} days",
                    "On hold": "yes" if standing.on_hold else "no",
                }
            found[user_id] = Description(
                Subject.USER,
                user_id,
                f"Points of {user_id}",
                user_id,
                None,
                None,
                "",
                wallet.created_at if wallet else now,
                {ASSETS[name]: minor for name, minor in withheld.get(user_id, {}).items() if minor},
                facts,
                _page(user_id),
            )
        return found

    def people(self, app: App, ids: Sequence[str]) -> set[str]:
        return set(ids)

    def hold(self, app: App, ids: Sequence[str], *, actor: str) -> list[Effect]:
        held = withholding.hold(app, ids)
        person_holds.note(app, ids)
        return [
            Effect(
                "person_held", user_id, user_id, text=f"{user_id} earns nothing and spends nothing until it is decided."
            )
            for user_id in held
        ]

    def release(self, app: App, ids: Sequence[str], *, actor: str, preview: bool = False) -> list[Effect]:
        suspected = person_holds.still_suspected(app, ids)
        effects = _still_held(suspected)
        for case, users in _by_case(app, [user_id for user_id in ids if user_id not in suspected]).items():
            for moved in withholding.release(app, users, cause=case, actor=actor, preview=preview):
                effects.append(_released(moved.user_id))
                effects += _amounts("awarded", moved, moved.points, "{amount} that were withheld are given to {user}.")
        if not preview:
            person_holds.lift(app, ids)
        return effects

    def reject(self, app: App, ids: Sequence[str], *, reason: str, actor: str, preview: bool = False) -> list[Effect]:
        suspected = person_holds.still_suspected(app, ids)
        held = app.fraud_person_holds.filter(user_id__in=ids, released_at=None).order_by("-placed_at")
        held_since = dict(held.values_list("user_id", "placed_at"))
        moves = []
        for case, users in _by_case(app, ids).items():
            moves += withholding.forfeit(
                app,
                users,
                suspected=_suspected(app, case, users),
                held_since={user_id: at for user_id, at in held_since.items() if user_id in users},
                cause=case,
                preview=preview,
            )
        effects = []
        for moved in moves:
            effects += _amounts(
                "withheld_forfeited", moved, moved.withheld, "{amount} withheld from {user} are not given."
            )
            effects += _amounts("points_taken_back", moved, moved.points, "{amount} are taken back from {user}.")
            effects += _amounts(
                "points_spent", moved, moved.short, "{amount} of {user} are spent already and cannot be taken back."
            )
            if moved.user_id not in suspected:
                effects.append(_released(moved.user_id))
        effects += _still_held(suspected)
        if not preview:
            withholding.hold(app, suspected)
            person_holds.lift(app, ids)
        return effects

    def restore(self, app: App, ids: Sequence[str], *, was: str, effects: list[dict], actor: str) -> list[Effect]:
        if was == "REJECT":
            moves = withholding.restore(app, ids)
        else:
            withholding.hold(app, ids)
            moves = []
        self._hold_again(app, ids)
        done = [Effect("person_held", user_id, user_id, text=f"{user_id} is on hold again.") for user_id in ids]
        for moved in moves:
            done += _amounts("withheld", moved, moved.withheld, "{amount} of {user} wait for the review again.")
        given = [effect for effect in effects if effect.get("kind") == "awarded" and effect.get("userId") in ids]
        done += [
            Effect(
                "awarded_stays",
                effect["subjectId"],
                effect["userId"],
                effect["asset"],
                effect["minor"],
                f"{effect['minor']:,} {WORDS[effect['asset']]} were given to {effect['userId']} and stay; "
                "they cannot be spent during the review.",
            )
            for effect in given
        ]
        return done

    def _hold_again(self, app: App, ids: Sequence[str]) -> None:
        """The holds of the case that was decided, as they were."""
        cases = person_holds.case_of(app, ids)
        open_again = app.fraud_person_holds.filter(user_id__in=ids, case_id__in=cases.values())
        known = set()
        for hold in open_again.order_by("-placed_at"):
            if hold.user_id not in known and cases.get(hold.user_id) == hold.case_id:
                known.add(hold.user_id)
                open_again.filter(pk=hold.pk).update(released_at=None)
        person_holds.note(app, set(ids) - known)


class Events:
    """EVENT: one activity. What is decided of it is decided of its user."""

    def describe(self, app: App, ids: Sequence[str]) -> dict[str, Description]:
        activities = app.activities.filter(pk__in=ids)
        return {
            activity.pk: Description(
                Subject.EVENT,
                activity.pk,
                f"{activity.action_key} of {activity.user_id}",
                activity.user_id,
                None,
                None,
                "",
                activity.occurred_at,
                {ASSETS[name]: minor for name, minor in activity.waiting.items() if minor},
                {
                    "Action": activity.action_key,
                    "Awarded": f"{activity.xp:,} XP, {activity.coins:,} coins, {activity.tokens:,} tokens",
                    "Not awarded": activity.not_awarded or "",
                    "Idempotency key": activity.idempotency_key or "",
                },
                _page(activity.user_id),
            )
            for activity in activities
        }

    def people(self, app: App, ids: Sequence[str]) -> set[str]:
        return set(self._users(app, ids))

    def hold(self, app: App, ids: Sequence[str], *, actor: str) -> list[Effect]:
        users = self._users(app, ids)
        return USERS.hold(app, users, actor=actor) if users else []

    def release(self, app: App, ids: Sequence[str], *, actor: str, preview: bool = False) -> list[Effect]:
        users = self._users(app, ids)
        return USERS.release(app, users, actor=actor, preview=preview) if users else []

    def reject(self, app: App, ids: Sequence[str], *, reason: str, actor: str, preview: bool = False) -> list[Effect]:
        users = self._users(app, ids)
        return USERS.reject(app, users, reason=reason, actor=actor, preview=preview) if users else []

    def restore(self, app: App, ids: Sequence[str], *, was: str, effects: list[dict], actor: str) -> list[Effect]:
        users = self._users(app, ids)
        return USERS.restore(app, users, was=was, effects=effects, actor=actor) if users else []

    def _users(self, app: App, ids: Sequence[str]) -> list[str]:
        return sorted(set(Activity.objects.filter(app=app, pk__in=ids).values_list("user_id", flat=True)))


USERS, EVENTS = Users(), Events()


def register() -> None:
    subjects.register(Subject.USER, USERS)
    subjects.register(Subject.EVENT, EVENTS)
    shelve(Catalog())
    subjects.register(Subject.REDEMPTION, Redemptions())


def _by_case(app: App, ids: Sequence[str]) -> dict[str, list[str]]:
    """Case → its users, whose wallets are locked all at once before anything else is."""
    ledger.lock(app, ids, create=False)
    cases = person_holds.case_of(app, ids)
    found: dict[str, list[str]] = {}
    for user_id in sorted(ids):
        found.setdefault(cases.get(user_id, "review"), []).append(user_id)
    return found


def _suspected(app: App, case_id: str, users: Sequence[str]) -> dict[str, Suspected]:
    """User → the actions that the case's flags speak of, and since when: ``evidence {"actions": […], "since": "…"}``."""
    found: dict[str, Suspected] = {}
    for flag in Flag.objects.filter(app=app, subject_type=Subject.USER, subject_id__in=users, case_id=case_id):
        actions, since = flag.evidence.get("actions"), flag.evidence.get("since")
        if actions and since:
            began, known = datetime.fromisoformat(since), found.get(flag.subject_id)
            found[flag.subject_id] = Suspected(
                frozenset(actions) | (known.actions if known else frozenset()),
                min(began, known.since if known else began),
            )
    return found


def _page(user_id: str) -> str:
    return f"incentives/users/one/?id={quote(user_id, safe='')}"


def _still_held(user_ids: Iterable[str]) -> list[Effect]:
    return [
        Effect("still_held", user_id, user_id, text=f"{user_id} stays on hold: another case is open.")
        for user_id in sorted(user_ids)
    ]


def _released(user_id: str) -> Effect:
    return Effect("person_released", user_id, user_id, text=f"{user_id} is no longer on hold.")


def _amounts(kind: str, moved: Moved, points: dict[str, int], text: str) -> list[Effect]:
    return [
        Effect(
            kind,
            moved.user_id,
            moved.user_id,
            asset,
            points[name],
            text.format(amount=f"{points[name]:,} {WORDS[asset]}", user=moved.user_id),
        )
        for name, asset in ASSETS.items()
        if points.get(name)
    ]
