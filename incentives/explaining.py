"""Why a balance is what it is: each entry with its cause, the rule that was in force and what it said, its lots, the running balance."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import QuerySet

from incenta import clock
from incenta.accounts.models import App
from incenta.database import sql
from incenta.money import POINTS

from .balances import NAMES, amount_of
from .ledger.kinds import KINDS
from .models import Grant, Lot, LotUse, RuleChange, Transfer, Wallet

Explainer = Callable[[App, list[str]], dict[str, dict]]
"""From ids of causes to ``{id: {"text": …, …}}``; ids that it does not know are absent."""

_explainers: dict[str, list[Explainer]] = {}

ASSETS = {name: asset for asset, name in NAMES.items()}


def explain_with(prefix: str, explainer: Explainer) -> None:
    """Names who can tell of causes with this id prefix: a room above says so when it is ready."""
    if explainer not in _explainers.setdefault(prefix, []):
        _explainers[prefix].append(explainer)


def entries(app: App, user_id: str, *, as_of: datetime | None = None) -> QuerySet[Transfer]:
    """All that ever moved for a user, or what was recorded by then."""
    found = Transfer.objects.filter(app=app, wallet__app=app, wallet__user_id=user_id)
    return found if as_of is None else found.filter(recorded_at__lte=as_of)


_SUMS = """
SELECT asset, sum(CASE 'AVAILABLE' WHEN target THEN amount WHEN source THEN -amount ELSE 0 END)::bigint,
  (array_agg(available_after ORDER BY seq DESC))[1]
FROM incentives_transfer WHERE wallet_id = %(wallet_id)s AND recorded_at <= %(as_of)s GROUP BY asset
"""


def check(app: App, user_id: str, *, as_of: datetime | None = None) -> dict:
    """The proof at the foot of the list: the entries added up, beside what the balance says. ``{sum, balance, ok}``, by asset.

    Without ``as_of`` the balance is the wallet's own, which is what is spent from.
    """
    wallet = app.wallets.filter(user_id=user_id).first()
    sums = dict.fromkeys(NAMES.values(), 0)
    balance = dict(sums)
    if wallet is not None:
        for asset, total, last in sql.rows(
            _SUMS, {"wallet_id": wallet.pk, "as_of": as_of or datetime.max.replace(tzinfo=clock.UTC)}
        ):
            name = NAMES.get(asset, asset)
            sums[name], balance[name] = amount_of(total, asset), amount_of(last, asset)
        if as_of is None:
            balance |= _wallet_says(wallet)
    return {"sum": sums, "balance": balance, "ok": sums == balance}


def _wallet_says(wallet: Wallet) -> dict:
    money = {asset: amount_of(each["available"], asset) for asset, each in wallet.money.items()}
    return {"xp": wallet.xp, "coins": wallet.coins, "tokens": wallet.tokens} | money


def faces(app: App, transfers: list[Transfer]) -> list[dict]:
    """Some entries of one wallet, explained, in a bounded number of statements."""
    told = _Told(app, transfers)
    return [told.face(transfer) for transfer in transfers]


class _Told:
    """What is known of the causes, rules and lots of some entries."""

    def __init__(self, app: App, transfers: list[Transfer]):
        self.app = app
        ids = [transfer.pk for transfer in transfers]
        self.opened = {lot.transfer_id: lot for lot in Lot.objects.filter(app=app, transfer_id__in=ids)}
        self.uses: dict[str, list[LotUse]] = {}
        for use in LotUse.objects.filter(transfer_id__in=ids).order_by("lot_id"):
            self.uses.setdefault(use.transfer_id, []).append(use)
        causes = {transfer.cause for transfer in transfers}
        self.causes = self._causes(causes)
        self.grants: dict[tuple[str, str], list[Grant]] = {}
        given = [transfer.cause for transfer in transfers if transfer.cause_type in Grant.Kind.values]
        if given:
            for grant in app.grants.filter(cause__in=given).order_by("wallet_seq", "id"):
                self.grants.setdefault((grant.cause, grant.kind), []).append(grant)
        self.changes: dict[tuple[str, str], list[RuleChange]] = {}
        wanted = {rule for transfer in transfers if (rule := self._rule_of(transfer))}
        if wanted:
            changes = app.rule_changes.filter(noun__in={noun for noun, _ in wanted}, key__in={key for _, key in wanted})
            for change in changes.order_by("version"):
                self.changes.setdefault((change.noun, change.key), []).append(change)

    def _causes(self, ids: set[str]) -> dict[str, dict]:
        by_prefix: dict[str, list[str]] = {}
        for id in ids:
            by_prefix.setdefault(id.partition("_")[0], []).append(id)
        found: dict[str, dict] = {}
        for prefix, of_prefix in by_prefix.items():
            for explainer in _explainers.get(prefix, ()):
                found |= explainer(self.app, sorted(of_prefix))
        return found

    def _grant(self, transfer: Transfer) -> Grant | None:
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
        said = [change for change in self.changes.get(rule, ()) if change.version <= transfer.rule_version]
        return {
            "version": transfer.rule_version,
            "noun": rule[0],
            "key": rule[1],
            "said": said[-1].after if said else None,
        }

    def _cause(self, transfer: Transfer) -> dict:
        cause = {"type": transfer.cause_type, "id": transfer.cause} | self.causes.get(transfer.cause, {})
        grant = self._grant(transfer) if transfer.cause_type in Grant.Kind.values else None
        if grant is not None:
            behind = cause.get("text")
            text = f"Level {grant.key}" if grant.kind == Grant.Kind.LEVEL else f"{grant.get_kind_display()} {grant.key}"
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
            "lot": lot
            and {
                "id": lot.pk,
                "amount": lot.amount,
                "remaining": lot.remaining,
                "expiresAt": clock.iso(lot.expires_at),
            },
            "lots": [{"id": use.lot_id, "amount": use.amount} for use in self.uses.get(transfer.pk, ())]
            if asset in POINTS
            else [],
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
def _events(app: App, ids: list[str]) -> dict[str, dict]:
    found = app.activities.filter(pk__in=ids).values_list("pk", "action_key", "cause", "idempotency_key")
    return {
        id: {"text": key, "actionKey": key, "idempotencyKey": idempotency_key} | ({"firedBy": cause} if cause else {})
        for id, key, cause, idempotency_key in found
    }


def _adjustments(app: App, ids: list[str]) -> dict[str, dict]:
    found = app.adjustments.filter(pk__in=ids).values_list("pk", "reason", "actor")
    return {id: {"text": f"Adjustment: {reason}", "reason": reason, "actor": actor} for id, reason, actor in found}


def _awards(app: App, ids: list[str]) -> dict[str, dict]:
    found = app.grants.filter(cause__in=ids, kind=Grant.Kind.BADGE).exclude(reason="").values_list("cause", "reason")
    reasons = dict(found)
    return {
        id: {"text": f"given by hand: {reasons[id]}", "reason": reasons[id]}
        if id in reasons
        else {"text": "given by hand"}
        for id in ids
    }


def _backfills(app: App, ids: list[str]) -> dict[str, dict]:
    found = app.backfills.filter(pk__in=ids).values_list("pk", "noun", "key")
    return {id: {"text": f"backfill of {noun} {key}"} for id, noun, key in found}


def _reviews(app: App, ids: list[str]) -> dict[str, dict]:
    return {id: {"text": "fraud review", "caseId": id} for id in ids}


def _lots(app: App, ids: list[str]) -> dict[str, dict]:
    found = Lot.objects.filter(app=app, pk__in=ids).values_list("pk", "expires_at")
    return {id: {"text": "Expired", "expiresAt": clock.iso(expires_at)} for id, expires_at in found}


def _redemptions(app: App, ids: list[str]) -> dict[str, dict]:
    found = app.item_redemptions.filter(pk__in=ids).values_list("pk", "item_id", "item__name")
    return {id: {"text": f"Redeemed: {name}", "itemId": item_id, "itemName": name} for id, item_id, name in found}


for _prefix, _explainer in (
    ("case", _reviews),
    ("evt", _events),
    ("adj", _adjustments),
    ("awd", _awards),
    ("bkf", _backfills),
    ("lot", _lots),
    ("rdm", _redemptions),
):
    explain_with(_prefix, _explainer)
