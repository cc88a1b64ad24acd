"""The catalog's items: made, changed, stocked and taken off the shelf by the merchant."""

from collections.abc import Iterable

from django.db.models import Count

from incenta import clock
from incenta.accounts.models import App
from incenta.code_pool import CodePool, Upload
from incenta.database import sql
from incenta.errors import InvalidInput, NotFound

from .models import Item, ItemCode, ItemRedemption, ItemStock
from .models.catalog import CodeSource
from .redemption_risk import HOLD_REASONS

UNLIMITED = -1
CODES = CodePool("incentives_itemcode", "item_id", given="incentives_itemredemption", given_by="app_id")


def get(app: App, item_id: str, *, lock: bool = False) -> Item:
    """An item that is not deleted. Raises ``NotFound`` ``item_not_found``."""
    items = app.catalog_items.filter(pk=item_id, deleted_at=None)
    found = (items.select_for_update() if lock else items).first()
    if found is None:
        raise NotFound("item_not_found", "Item not found.")
    return found


def faces(app: App, items: list[Item]) -> list[dict]:
    """Items as the API shows them, with what is left of each, in two more statements for any number."""
    ids = [item.pk for item in items]
    left = dict(ItemStock.objects.filter(app=app, item_id__in=ids).values_list("item_id", "left"))
    free = dict(
        ItemCode.objects.filter(app=app, item_id__in=ids, redemption_id=None).values_list("item_id").annotate(n=Count("id"))
    )  # fmt: skip
    return [_face(item, left.get(item.pk), free.get(item.pk, 0)) for item in items]


def _face(item: Item, left: int | None, free: int) -> dict:
    inventory = left if item.limited else UNLIMITED
    if item.code_source == CodeSource.POOL:
        inventory = free if inventory in (None, UNLIMITED) else min(inventory, free)
    return {
        "id": item.pk,
        "name": item.name,
        "description": item.description,
        "imageUrl": item.image_url,
        "coinCost": item.coin_cost,
        "tokenCost": item.token_cost,
        "inventory": inventory,
        "maxPerUser": item.max_per_user,
        "published": item.published,
        "codeSource": item.code_source,
        "codePrefix": item.code_prefix,
        "codesLeft": free if item.code_source == CodeSource.POOL else None,
        "createdAt": clock.iso(item.created_at),
        "updatedAt": clock.iso(item.updated_at),
    }


def create(app: App, values: dict) -> Item:
    """A new item. ``inventory``: how many there are, -1 for no end; ``codes``: uploaded ones, which then are its stock.

    Raises ``InvalidInput``.
    """
    values = dict(values)
    inventory, uploaded = values.pop("inventory", UNLIMITED), values.pop("codes", None)
    now = clock.now(app)
    with sql.transaction_joined():
        if uploaded:
            values["code_source"] = CodeSource.POOL
        item = Item(app=app, created_at=now, updated_at=now, limited=inventory != UNLIMITED, **values)
        _check(item)
        item.save(force_insert=True)
        if item.limited:
            ItemStock.objects.create(item=item, app=app, left=inventory)
        if uploaded:
            CODES.add(app.pk, item.pk, uploaded)
    return item


def revise(app: App, item_id: str, changes: dict) -> Item:
    """Changes an item; what was redeemed stays as it was. ``inventory`` sets what is left now; ``codes`` adds to the pool."""
    changes = dict(changes)
    inventory, uploaded = changes.pop("inventory", None), changes.pop("codes", None)
    with sql.transaction_joined():
        item = get(app, item_id, lock=True)
        for name, value in changes.items():
            setattr(item, name, value)
        if uploaded:
            item.code_source = CodeSource.POOL
        if inventory is not None:
            item.limited = inventory != UNLIMITED
            if item.limited:
                ItemStock.objects.update_or_create(item=item, defaults={"app": app, "left": inventory})
        _check(item)
        item.updated_at = clock.now(app)
        item.save()
        if uploaded:
            CODES.add(app.pk, item.pk, uploaded)
    return item


def delete(app: App, item_id: str) -> None:
    """Takes an item off the shelf for good; its redemptions stay."""
    with sql.transaction_joined():
        item = get(app, item_id, lock=True)
        item.deleted_at = clock.now(app)
        item.published = False
        item.save(update_fields=["deleted_at", "published"])


def _check(item: Item) -> None:
    if not item.coin_cost and not item.token_cost:
        raise InvalidInput({"coinCost": ["An item costs coins or tokens."]})


# --- uploaded codes -------------------------------------------------------------------------------------------------
def examine(app: App, sent: Iterable[str]) -> Upload:
    """What would become of these codes; nothing is written. One statement for any number. Raises ``InvalidInput``."""
    return CODES.examine(app.pk, sent)


def add_codes(app: App, item_id: str, sent: list[str]) -> dict:
    """Adds uploaded codes to an item's pool, all or none. Raises ``InvalidInput`` naming the first line that is no code."""
    with sql.transaction_joined():
        item = get(app, item_id, lock=True)
        if item.code_source != CodeSource.POOL:
            item.code_source = CodeSource.POOL
            item.save(update_fields=["code_source"])
        return CODES.add(app.pk, item.pk, sent).face()


def redemption_face(redemption: ItemRedemption) -> dict:
    return {
        "id": redemption.pk,
        "userId": redemption.user_id,
        "itemId": redemption.item_id,
        "itemName": redemption.item.name,
        "status": redemption.status,
        "code": redemption.told_code,
        "riskScore": redemption.risk_score,
        "holdReasons": HOLD_REASONS if redemption.is_held else [],
        "coinCost": redemption.coin_cost,
        "tokenCost": redemption.token_cost,
        "redeemedAt": clock.iso(redemption.redeemed_at),
        "fulfilledAt": clock.iso(redemption.fulfilled_at),
        "cancelledAt": clock.iso(redemption.cancelled_at),
    }
