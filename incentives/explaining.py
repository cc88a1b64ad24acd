"""Why a balance is what it is: each entry with its cause, the rule that was in force and what it said, its lots, the running balance."""

import json
from collections.abc import Callable
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from django.db.models import QuerySet, Subquery

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql, together
from incenta.database.together import Question
from incenta.money import POINTS

from .balances import NAMES, amount_of
from .ledger.kinds import KINDS
from .models import Grant, Lot, LotUse, Transfer


class Explainer(NamedTuple):
    """One kind of cause: where it stands, and what is told of it. What all kinds on a page need is read in one statement."""

    rows: Callable[[App, list[str]], QuerySet]
    """Those of the app among these ids of causes."""
    fields: tuple[str, ...]
    tell: Callable[[list[str], list[list]], dict[str, dict]]
    """From the ids and the ``fields`` of what was found to ``{id: {"text": …, …}}``; ids that it does not know are absent."""


_explainers: dict[str, list[Explainer]] = {}

ASSETS = {name: asset for asset, name in NAMES.items()}


def explain_with(prefix: str, explainer: Explainer) -> None:
    """Names who can tell of causes with this id prefix: a room above says so when it is ready."""
    if explainer not in _explainers.setdefault(prefix, []):
        _explainers[prefix].append(explainer)


def entries(app: App, user_id: str, *, as_of: datetime | None = None) -> QuerySet[Transfer]:
    """All that ever moved for a user, or what was recorded by then."""
    wallet = app.wallets.filter(user_id=user_id).values("pk")[:1]  # no join: the index has a wallet's entries in order
    found = Transfer.objects.filter(app=app, wallet=Subquery(wallet))
    return found if as_of is None else found.filter(recorded_at__lte=as_of)


_SUMS = """
SELECT w.xp, w.coins, w.tokens, w.money, t.asset, t.total, t.last FROM incentives_wallet w LEFT JOIN LATERAL (
  SELECT asset, sum(CASE 'AVAILABLE' WHEN target THEN amount WHEN source THEN -amount ELSE 0 END)::bigint AS total,
    (array_agg(available_after ORDER BY seq DESC))[1] AS last
  FROM incentives_transfer WHERE wallet_id = w.id AND recorded_at <= %(as_of)s GROUP BY asset) t ON true
WHERE w.app_id = %(app_id)s AND w.user_id = %(user_id)s
"""


def check(app: App, user_id: str, *, as_of: datetime | None = None) -> dict:
    """The proof at the foot of the list: the entries added up, beside what the balance says. ``{sum, balance, ok}``, by asset.

    Without ``as_of`` the balance is the wallet's own, which is what is spent from. Both are read in one statement: what is written
    meanwhile is in both of them or in none.
    """
    sums = dict.fromkeys(NAMES.values(), 0)
    balance = dict(sums)
    asked = {"app_id": app.pk, "user_id": user_id, "as_of": as_of or datetime.max.replace(tzinfo=clock.UTC)}
    found = sql.rows(_SUMS, asked)
    for *_, asset, total, last in found:
        if asset is not None:
            name = NAMES.get(asset, asset)
            sums[name], balance[name] = amount_of(total, asset), amount_of(last, asset)
    if found and as_of is None:
        balance |= _wallet_says(*found[0][:4])
    return {"sum": sums, "balance": balance, "ok": sums == balance}


def _wallet_says(xp: int, coins: int, tokens: int, money: str) -> dict:
    in_money = {asset: amount_of(each["available"], asset) for asset, each in json.loads(money).items()}
    return {"xp": xp, "coins": coins, "tokens": tokens} | in_money


class _Given(NamedTuple):
    """What a ``Grant`` says of the entries that it gave."""

    wallet_seq: int
    kind: str
    key: str


def faces(app: App, transfers: list[Transfer]) -> list[dict]:
    """Some entries of one wallet, explained, in one statement."""
    told = _Told(app, transfers)
    return [told.face(transfer) for transfer in transfers]


class _Told:
    """What is known of the causes, rules and lots of some entries, in one statement."""

    def __init__(self, app: App, transfers: list[Transfer]):
        ids = [transfer.pk for transfer in transfers]
        given = [transfer.cause for transfer in transfers if transfer.cause_type in Grant.Kind.values]
        grants, changes = app.grants.filter(cause__in=given), ("version", "noun", "key", "after")
        fired = app.activities.filter(pk__in=[each.cause for each in transfers if each.cause_type == "event"])
        of_kind = self._by_explainer({transfer.cause for transfer in transfers})
        found = together.asked(
            {
                "lots": Question(
                    Lot.objects.filter(app=app, transfer_id__in=ids),
                    ("transfer_id", "id", "amount", "remaining", "expires_at"),
                ),
                "uses": Question(LotUse.objects.filter(transfer_id__in=ids), ("transfer_id", "lot_id", "amount")),
                "grants": Question(grants, ("wallet_seq", "id", "cause", "kind", "key")),
                "actions": Question(
                    app.rule_changes.filter(noun="action", key__in=fired.values("action_key")), changes
                ),
                "given": Question(
                    app.rule_changes.filter(noun__in=Grant.Kind.values, key__in=grants.values("key")), changes
                ),
            }
            | {
                name: Question(explainer.rows(app, causes), explainer.fields)
                for name, (explainer, causes) in of_kind.items()
            }
        )
        self.opened = {transfer: lot for transfer, *lot in found["lots"]}
        self.uses: dict[str, list[dict]] = {}
        for transfer, lot, amount in sorted(found["uses"]):
            self.uses.setdefault(transfer, []).append({"id": lot, "amount": amount})
        self.grants: dict[tuple[str, str], list[_Given]] = {}
        for wallet_seq, _, cause, kind, key in sorted(found["grants"]):
            self.grants.setdefault((cause, kind), []).append(_Given(wallet_seq, kind, key))
        self.causes: dict[str, dict] = {}
        for name, (explainer, causes) in of_kind.items():
            self.causes |= explainer.tell(causes, found[name])
        self.changes: dict[tuple[str, str], list[tuple[int, dict | None]]] = {}
        for version, noun, key, after in sorted(found["actions"] + found["given"], key=itemgetter(0)):
            self.changes.setdefault((noun, key), []).append((version, after))

    @staticmethod
    def _by_explainer(ids: set[str]) -> dict[str, tuple[Explainer, list[str]]]:
        """Who can tell of each of these causes, under a name of its own."""
        by_prefix: dict[str, list[str]] = {}
        for id in sorted(ids):
            by_prefix.setdefault(id.partition("_")[0], []).append(id)
        return {
            f"{prefix} {number}": (explainer, of_prefix)
            for prefix, of_prefix in by_prefix.items()
            for number, explainer in enumerate(_explainers.get(prefix, ()))
        }

    def _grant(self, transfer: Transfer) -> _Given | None:
        """The level, badge or milestone that gave this: the last one that was planned before it."""
        before = [
            grant
            for grant in self.grants.get((transfer.cause, transfer.cause_type), ())
            if grant.wallet_seq < transfer.seq
        ]
        return before[-1] if before else None

    def _rule_of(self, transfer: Transfer) -> tuple[str, str] | None:
        if transfer.cause_type in Grant.Kind.values:
            grant = self._grant(transfer)
            return (grant.kind, grant.key) if grant else None
        key = self.causes.get(transfer.cause, {}).get("actionKey")
        return ("action", key) if key and transfer.cause_type == "event" else None

    def _rule(self, transfer: Transfer) -> dict | None:
        """The rule in the version that was in force, and what it said."""
        if transfer.rule_version is None:
            return None
        rule = self._rule_of(transfer)
        if rule is None:
            # a reward goes by its campaign's rules, whose versions the campaign keeps
            campaign = self.causes.get(transfer.cause, {}).get("campaignId")
            return {"version": transfer.rule_version} | ({"noun": "campaign", "key": campaign} if campaign else {})
        said = [after for version, after in self.changes.get(rule, ()) if version <= transfer.rule_version]
        return {
            "version": transfer.rule_version,
            "noun": rule[0],
            "key": rule[1],
            "said": said[-1] if said else None,
        }

    def _cause(self, transfer: Transfer) -> dict:
        cause = {"type": transfer.cause_type, "id": transfer.cause} | self.causes.get(transfer.cause, {})
        grant = self._grant(transfer) if transfer.cause_type in Grant.Kind.values else None
        if grant is not None:
            behind = cause.get("text")
            text = (
                f"Level {grant.key}"
                if grant.kind == Grant.Kind.LEVEL
                else f"{Grant.Kind(grant.kind).label} {grant.key}"
            )
            cause |= {_KEYS[grant.kind]: int(grant.key) if grant.kind == Grant.Kind.LEVEL else grant.key}
            cause["text"] = f"{text} ({behind})" if behind else text
        told = {"text": _TEXTS.get(transfer.cause_type, transfer.cause_type)} | cause
        if transfer.cause_type in _UNDONE and "text" in cause:
            told["text"] = f"{_TEXTS[transfer.cause_type]}: {cause['text']}"
        return told

    def face(self, transfer: Transfer) -> dict:
        kind, lot = KINDS[transfer.kind], self.opened.get(transfer.pk)
        asset = transfer.asset
        return {
            "id": transfer.pk,
            "seq": transfer.seq,
            "asset": NAMES.get(asset, asset),
            "kind": transfer.kind,
            "amount": amount_of(kind.available * transfer.amount, asset),
            "heldAmount": amount_of(kind.held * transfer.amount, asset),
            "balance": amount_of(transfer.available_after, asset),
            "heldBalance": amount_of(transfer.held_after, asset),
            "cause": self._cause(transfer),
            "rule": self._rule(transfer),
            "lot": lot and dict(zip(("id", "amount", "remaining"), lot, strict=False)) | {"expiresAt": _iso(lot[-1])},
            "lots": self.uses.get(transfer.pk, []) if asset in POINTS else [],
            "reverses": transfer.reverses_id,
            "occurredAt": clock.iso(transfer.occurred_at),
            "recordedAt": clock.iso(transfer.recorded_at),
        }


_KEYS = {Grant.Kind.LEVEL: "level", Grant.Kind.BADGE: "badgeKey", Grant.Kind.MILESTONE: "milestoneKey"}
_TEXTS = {
    "event": "Event",
    "level": "Level",
    "badge": "Badge",
    "milestone": "Milestone",
    "adjustment": "Adjustment",
    "lot": "Expired",
    "reversal": "Taken back",
    "reward": "Referral reward",
    "redemption": "Redemption",
    "redemption_cancelled": "Redemption cancelled",
}
_UNDONE = ("reversal", "redemption_cancelled")


# --- the causes that this room knows --------------------------------------------------------------------------------
def _events(ids: list[str], found: list[list]) -> dict[str, dict]:
    return {
        id: {"text": key, "actionKey": key, "idempotencyKey": idempotency_key} | ({"firedBy": cause} if cause else {})
        for id, key, cause, idempotency_key in found
    }


def _adjustments(ids: list[str], found: list[list]) -> dict[str, dict]:
    return {id: {"text": f"Adjustment: {reason}", "reason": reason, "actor": actor} for id, reason, actor in found}


def _by_hand(app: App, ids: list[str]) -> QuerySet:
    return app.grants.filter(cause__in=ids, kind=Grant.Kind.BADGE).exclude(reason="")


def _awards(ids: list[str], found: list[list]) -> dict[str, dict]:
    reasons = dict(found)
    return {
        id: {"text": f"given by hand: {reasons[id]}", "reason": reasons[id]}
        if id in reasons
        else {"text": "given by hand"}
        for id in ids
    }


def _backfills(ids: list[str], found: list[list]) -> dict[str, dict]:
    return {id: {"text": f"backfill of {noun} {key}"} for id, noun, key in found}


def _reviews(ids: list[str], found: list[list]) -> dict[str, dict]:
    return {id: {"text": "fraud review", "caseId": id} for id in ids}


def _iso(moment: str) -> str:
    """A moment as the API writes it, of one as the database's JSON does."""
    return clock.iso(datetime.fromisoformat(moment))


def _lots(ids: list[str], found: list[list]) -> dict[str, dict]:
    return {id: {"text": "Expired", "expiresAt": _iso(expires_at)} for id, expires_at in found}


def _redemptions(ids: list[str], found: list[list]) -> dict[str, dict]:
    return {id: {"text": f"Redeemed: {name}", "itemId": item_id, "itemName": name} for id, item_id, name in found}


for _prefix, _explainer in (
    ("case", Explainer(lambda app, ids: app.grants.none(), ("id",), _reviews)),  # its id is all that is told
    (
        "evt",
        Explainer(
            lambda app, ids: app.activities.filter(pk__in=ids),
            ("id", "action_key", "cause", "idempotency_key"),
            _events,
        ),
    ),
    ("adj", Explainer(lambda app, ids: app.adjustments.filter(pk__in=ids), ("id", "reason", "actor"), _adjustments)),
    ("awd", Explainer(_by_hand, ("cause", "reason"), _awards)),
    ("bkf", Explainer(lambda app, ids: app.backfills.filter(pk__in=ids), ("id", "noun", "key"), _backfills)),
    ("lot", Explainer(lambda app, ids: Lot.objects.filter(app=app, pk__in=ids), ("id", "expires_at"), _lots)),
    (
        "rdm",
        Explainer(
            lambda app, ids: app.item_redemptions.filter(pk__in=ids), ("id", "item_id", "item__name"), _redemptions
        ),
    ),
):
    explain_with(_prefix, _explainer)
