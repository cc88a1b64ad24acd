"""Spending points on the catalog: the debit, the stock, the code and the redemption are one transaction or none of it."""

from datetime import datetime

from fraud import cases
from fraud.models import Subject
from incenta import clock, codes, events
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import Conflict, InvalidInput, NotFound
from incenta.ids import new_id
from incenta.money import COIN, TOKEN, XP

from . import ledger, redemption_risk
from .catalog import CODES
from .models import Item, ItemRedemption, ItemStock
from .models.catalog import CodeSource, RedemptionStatus
from .redemption_risk import HOLD_REASONS, Spent

_TAKE_STOCK = "UPDATE incentives_itemstock SET left = left - 1 WHERE item_id = %(item_id)s AND left > 0 RETURNING left"
_TAKE_STOCK = _TAKE_STOCK.replace("left", '"left"')

_HAD = """
SELECT count(*) FROM (SELECT FROM incentives_itemredemption
  WHERE app_id = %(app_id)s AND user_id = %(user_id)s AND item_id = %(item_id)s AND status <> 'CANCELLED' LIMIT %(most)s) had
"""

_WRITE = f"""
WITH redemption AS (
  INSERT INTO incentives_itemredemption (id, app_id, item_id, user_id, coin_cost, token_cost, status, code, code_key, took_stock,
    coin_transfer_id, token_transfer_id, redeemed_at, fulfilled_at, risk_score, held_at)
  SELECT id, %(app_id)s::text, item_id, user_id, coin_cost, token_cost, status, code, code_key, took_stock,
    coin_transfer_id, token_transfer_id, redeemed_at, fulfilled_at, risk_score, held_at
  FROM json_to_recordset(%(redemption)s::json) AS r(id text, item_id text, user_id text, coin_cost bigint, token_cost bigint,
    status text, code text, code_key text, took_stock bool, coin_transfer_id text, token_transfer_id text,
    redeemed_at timestamptz, fulfilled_at timestamptz, risk_score smallint, held_at timestamptz)
  -- asked here, once the wallet is locked: whoever puts the user on hold waits for it too
  WHERE NOT EXISTS (SELECT FROM incentives_standing s WHERE s.app_id = %(app_id)s::text AND s.user_id = r.user_id AND s.on_hold)
  RETURNING id
),
{ledger.WRITE},
{events.INSERT}
SELECT count(*) FROM redemption
"""


def redeem(app: App, *, user_id: str, item_id: str, actor: str = "") -> dict:
    """Spends a user's points on an item; answers ``{redemptionId, status, code, balances, …}``. What is held for review is PENDING,
    and its code is not told.

    Raises ``NotFound`` ``item_not_found``; ``Conflict`` ``insufficient_balance``, ``out_of_stock``, ``user_limit``, ``item_not_published``,
    ``on_hold``.
    """
    with sql.transaction_joined():
        item = app.catalog_items.filter(pk=item_id, deleted_at=None).first()
        if item is None:
            raise NotFound("item_not_found", "Item not found.")
        if not item.published:
            raise Conflict("item_not_published", "This item is not on offer now.")
        wallets = ledger.lock(app, [user_id])
        now = wallets.now
        asked = {"app_id": app.pk, "user_id": user_id, "item_id": item.pk, "most": item.max_per_user}
        if item.max_per_user is not None and sql.row(_HAD, asked)[0] >= item.max_per_user:
            raise Conflict("user_limit", f"Each user can redeem this item {item.max_per_user} times.")
        redemption_id = new_id("rdm")
        spent = {}
        for asset, cost in ((COIN, item.coin_cost), (TOKEN, item.token_cost)):
            if cost:
                wallets.load_lots([user_id], asset)
                spent[asset] = wallets.move(
                    user_id, ledger.SPEND, asset, cost, cause=redemption_id, cause_type="redemption", occurred_at=now
                ).id  # fmt: skip
        if item.limited and sql.row(_TAKE_STOCK, asked) is None:
            raise Conflict("out_of_stock", "There is none of this item left.")
        code, code_key = _code(item, redemption_id)
        risk = redemption_risk.look(app, user_id, now)
        is_given = code is not None and not risk.is_held
        status = RedemptionStatus.FULFILLED if is_given else RedemptionStatus.PENDING
        row = {
            "id": redemption_id,
            "item_id": item.pk,
            "user_id": user_id,
            "coin_cost": item.coin_cost,
            "token_cost": item.token_cost,
            "status": status.value,
            "code": code,
            "code_key": code_key,
            "took_stock": item.limited,
            "coin_transfer_id": spent.get(COIN),
            "token_transfer_id": spent.get(TOKEN),
            "redeemed_at": now,
            "fulfilled_at": now if is_given else None,
            "risk_score": risk.score,
            "held_at": now if risk.is_held else None,
        }
        data = _event_data(redemption_id, item, user_id, code if is_given else None)
        kinds = ["INCENTIVE_ITEM_REDEEMED"] + (["INCENTIVE_ITEM_FULFILLED"] if is_given else [])
        told = [
            events.event(app, kind, data, subject=("redemption", redemption_id), actor=actor, occurred_at=now)
            for kind in kinds
        ]
        (made,) = sql.row(
            _WRITE, {"app_id": app.pk, "redemption": sql.as_rows([row])} | wallets.parameters() | events.as_rows(told)
        )
        if not made:
            # all of the above is rolled back by this refusal
            raise Conflict("on_hold", "This user is in review, and cannot spend until it is decided.")
        events.nudge()
        redemption_risk.keep(app, risk, [Spent(redemption_id, user_id, item.coin_cost, item.token_cost)])
        wallet = wallets[user_id]
        return {
            "redemptionId": redemption_id,
            "itemId": item.pk,
            "userId": user_id,
            "status": status.value,
            "code": code if is_given else None,
            "riskScore": risk.score,
            "holdReasons": HOLD_REASONS if risk.is_held else [],
            "coinCost": item.coin_cost,
            "tokenCost": item.token_cost,
            "balances": {
                "xp": wallet.available(XP),
                "coins": wallet.available(COIN),
                "tokens": wallet.available(TOKEN),
            },
            "redeemedAt": clock.iso(now),
        }


def _event_data(redemption_id: str, item: Item, user_id: str, code: str | None) -> dict:
    return {
        "redemptionId": redemption_id,
        "userId": user_id,
        "itemId": item.pk,
        "code": code,
        "coinCost": item.coin_cost,
        "tokenCost": item.token_cost,
    }


def _code(item: Item, redemption_id: str) -> tuple[str | None, str | None]:
    if item.code_source == CodeSource.NONE:
        return None, None
    if item.code_source == CodeSource.GENERATED:
        code = codes.made_code(item.code_prefix)
        return code, codes.key_of(code)
    taken = CODES.take(item.pk, redemption_id)
    if taken is None:
        raise Conflict("out_of_stock", "There is none of this item left.")
    return taken


def settle(app: App, redemption_id: str, status: str, *, actor: str = "") -> ItemRedemption:
    """Fulfils or cancels a redemption. Cancelling returns the points to the lots they came from, and the stock; a code that was
    shown is not given again. Repeating it is harmless.

    Raises ``NotFound`` ``redemption_not_found``; ``Conflict`` ``redemption_cancelled``, ``redemption_on_hold`` where it is to be
    fulfilled during the fraud review; ``InvalidInput``.
    """
    if status not in (RedemptionStatus.FULFILLED, RedemptionStatus.CANCELLED):
        raise InvalidInput({"status": ["Must be FULFILLED or CANCELLED."]})
    with sql.transaction_joined():
        found = app.item_redemptions.filter(pk=redemption_id).values_list("user_id", flat=True).first()
        if found is None:
            raise NotFound("redemption_not_found", "Redemption not found.")
        wallets = ledger.lock(app, [found], create=False)
        redemption = app.item_redemptions.select_for_update(of=("self",)).select_related("item").get(pk=redemption_id)
        if redemption.status == status:
            return redemption
        if redemption.status == RedemptionStatus.CANCELLED:
            raise Conflict("redemption_cancelled", "This redemption is cancelled, and its points are returned.")
        was_held = redemption.is_held
        if was_held and status == RedemptionStatus.FULFILLED:
            raise on_hold()
        redemption.status = status
        if status == RedemptionStatus.FULFILLED:
            _tell_fulfilled(app, redemption, wallets.now, actor)
        else:
            redemption.cancelled_at = wallets.now
            _return(app, wallets, redemption)
        redemption.save(update_fields=["status", "fulfilled_at", "cancelled_at"])
        if was_held:
            cases.reweigh(app, [(Subject.REDEMPTION.value, redemption.pk)])
    return redemption


def on_hold() -> Conflict:
    """The refusal to hand over what is in review."""
    return Conflict(
        "redemption_on_hold",
        "This redemption waits for the fraud review, and is handed over once it is released.",
        details={"holdReasons": HOLD_REASONS},
    )


def release(app: App, redemption_id: str, *, actor: str = "") -> ItemRedemption:
    """Ends the hold of a redemption that was locked with its user's wallet; what has a code is given with it."""
    redemption = app.item_redemptions.select_related("item").get(pk=redemption_id)
    redemption.held_at = None
    if redemption.code is not None:
        redemption.status = RedemptionStatus.FULFILLED
        _tell_fulfilled(app, redemption, clock.now(app), actor)
    redemption.save(update_fields=["status", "fulfilled_at", "held_at"])
    return redemption


def _tell_fulfilled(app: App, redemption: ItemRedemption, at: datetime, actor: str) -> None:
    redemption.fulfilled_at = at
    data = _event_data(redemption.pk, redemption.item, redemption.user_id, redemption.code)
    subject = ("redemption", redemption.pk)
    events.record(app, "INCENTIVE_ITEM_FULFILLED", data, subject=subject, actor=actor, occurred_at=at)


def _return(app: App, wallets: ledger.Wallets, redemption: ItemRedemption) -> None:
    ids = [each for each in (redemption.coin_transfer_id, redemption.token_transfer_id) if each]
    for spend in ledger.transfers(app, ids).values():
        wallets.load_lots([redemption.user_id], spend.asset)
        wallets.move(
            redemption.user_id,
            ledger.REFUND,
            spend.asset,
            None,
            reverses=spend,
            cause=redemption.pk,
            cause_type="redemption_cancelled",
            occurred_at=wallets.now,
        )
    wallets.save()
    if redemption.took_stock:
        stock = ItemStock.objects.select_for_update().filter(item_id=redemption.item_id).first()
        if stock:
            stock.left += 1
            stock.save(update_fields=["left"])
