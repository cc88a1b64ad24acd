"""Spending at a business: the debit, the stock, the code, the redemption and what is owed for it are one transaction or none
of it."""

from datetime import timedelta
from decimal import Decimal

from django.db import IntegrityError

from incenta import clock, codes, events, money
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import Conflict, NotFound, Overtaken
from incenta.ids import new_id
from incenta.money import COIN, TOKEN, XP
from incentives import ledger, redemption_risk

from . import offers, redemptions
from .listings import CODES
from .models import CodeSource, RedemptionStatus, SettlementEntry

_FIND = f"""
SELECT {offers.JOINED}, {offers.IS_VERIFIED}, l.published, {offers.HAS_STARTED}, {offers.HAS_ENDED}, {offers.IS_AGREED},
  {offers.COIN_PRICE}, {offers.TOKEN_PRICE}, p.id, l.title, l.app_id, l.limited, l.max_per_user, l.valid_days, l.on_expiry,
  l.code_source, l.code_prefix, l.currency, l.coin_rate, l.token_rate, {offers.IN_STOCK}, b.id, b.name, b.url
{offers.FROM} WHERE l.id = %(listing_id)s AND {offers.IN_REACH}
"""
_HAD = f"""
SELECT count(*) FROM (SELECT FROM marketplace_redemption WHERE app_id = %(app_id)s AND user_id = %(user_id)s
  AND listing_id = %(listing_id)s AND {offers.COUNTS_AS_HAD} LIMIT %(most)s) had
"""
_WRITE = f"""
WITH stock AS (
  -- here and not before: everybody who wants this listing waits for the row until COMMIT
  UPDATE marketplace_listingstock SET "left" = "left" - 1
  WHERE %(limited)s AND listing_id = %(listing_id)s AND "left" > 0 RETURNING listing_id
), redemption AS (
  INSERT INTO marketplace_redemption (id, app_id, business_app_id, listing_id, user_id, status, coin_cost, token_cost,
    promotion_id, code, code_key, took_stock, coin_transfer_id, token_transfer_id, owed_minor, currency, on_expiry,
    order_reference, reason, settled_by, redeemed_at, expires_at, risk_score, held_at)
  SELECT id, %(app_id)s::text, business_app_id, listing_id, user_id, status, coin_cost, token_cost,
    promotion_id, code, code_key, took_stock, coin_transfer_id, token_transfer_id, owed_minor, currency, on_expiry,
    '', '', '', redeemed_at, expires_at, risk_score, held_at
  FROM json_to_recordset(%(redemption)s::json) AS r(id text, business_app_id text, listing_id text, user_id text, status text,
    coin_cost bigint, token_cost bigint, promotion_id text, code text, code_key text, took_stock bool, coin_transfer_id text,
    token_transfer_id text, owed_minor bigint, currency text, on_expiry text, redeemed_at timestamptz, expires_at timestamptz,
    risk_score smallint, held_at timestamptz)
  -- asked here, once the wallet is locked: whoever puts the user on hold waits for it too
  WHERE NOT EXISTS (SELECT FROM incentives_standing s WHERE s.app_id = %(app_id)s::text AND s.user_id = r.user_id AND s.on_hold)
    AND (NOT %(limited)s OR EXISTS (SELECT FROM stock))
  RETURNING id
),
{redemptions.WRITE_ENTRIES},
{ledger.WRITE},
{events.INSERT}
SELECT (SELECT count(*) FROM redemption), %(limited)s AND NOT EXISTS (SELECT FROM stock)
"""


def owed(coins: int, tokens: int, *, coin_rate: Decimal, token_rate: Decimal, currency: str) -> int:
    """What the issuer owes the business for these points, in minor units, rounded half up."""
    return money.round_half_up((coins * coin_rate + tokens * token_rate).scaleb(money.exponent(currency)))


def redeem(app: App, *, user_id: str, listing_id: str, actor: str = "") -> dict:
    """Spends a user's points on a listing; answers ``{redemptionId, status, discountCode, balances, …}``. The code of what is held for
    review is good once it is released.

    Raises ``NotFound`` ``listing_not_found``; ``Conflict`` ``marketplace_not_joined``, ``business_not_verified``,
    ``listing_not_published``, ``listing_not_started``, ``listing_ended``, ``listing_not_available``, ``user_limit``,
    ``insufficient_balance``, ``out_of_stock``, ``on_hold``. ``Overtaken`` where a code of 63 random bits was there before: try again.
    """
    with sql.transaction_joined():
        asked = offers.scope(app) | {"listing_id": listing_id, "user_id": user_id}
        found = sql.row(_FIND, asked)
        if found is None:
            raise NotFound("listing_not_found", "Listing not found.")
        (
            joined, is_verified, published, has_started, has_ended, is_agreed, coins, tokens, promotion_id, title, business_app_id,
            limited, most, valid_days, on_expiry, code_source, code_prefix, currency, coin_rate, token_rate, in_stock, *business,
        ) = found  # fmt: skip
        _refuse_unless_open(joined, is_verified, published, has_started, has_ended, is_agreed)
        wallets = ledger.lock(app, [user_id])
        now = wallets.now
        if most is not None and sql.row(_HAD, asked | {"most": most})[0] >= most:
            raise Conflict("user_limit", f"Each user can redeem this listing {most} times.")
        redemption_id = new_id("rdm")
        spent = {}
        for asset, cost in ((COIN, coins), (TOKEN, tokens)):
            if cost:
                wallets.load_lots([user_id], asset)
                spent[asset] = wallets.move(
                    user_id, ledger.SPEND, asset, cost, cause=redemption_id, cause_type="redemption", occurred_at=now
                ).id  # fmt: skip
        if not in_stock:
            raise _out_of_stock()
        if code_source == CodeSource.GENERATED:
            code = codes.made_code(code_prefix)
            code_key = codes.key_of(code)
        elif (taken := CODES.take(listing_id, redemption_id)) is not None:
            code, code_key = taken
        else:
            raise _out_of_stock()
        risk = redemption_risk.look(app, user_id, now)
        is_own = business_app_id == app.pk  # nothing is owed between an app and itself
        owed_minor = 0 if is_own else owed(
            coins, tokens, coin_rate=coin_rate, token_rate=token_rate, currency=currency
        )  # fmt: skip
        row = {
            "id": redemption_id,
            "business_app_id": business_app_id,
            "listing_id": listing_id,
            "user_id": user_id,
            "status": RedemptionStatus.PENDING.value,
            "coin_cost": coins,
            "token_cost": tokens,
            "promotion_id": promotion_id,
            "code": code,
            "code_key": code_key,
            "took_stock": limited,
            "coin_transfer_id": spent.get(COIN),
            "token_transfer_id": spent.get(TOKEN),
            "owed_minor": owed_minor,
            "currency": currency,
            "on_expiry": on_expiry,
            "redeemed_at": now,
            "expires_at": now + timedelta(days=valid_days) if valid_days else None,
            "risk_score": risk.score,
            "held_at": now if risk.is_held else None,
        }
        shown_business = dict(zip(("id", "name", "url"), business, strict=True))
        told = redemptions.events_of(
            "MARKETPLACE_REDEMPTION_CREATED",
            row,
            title=title,
            issuer=app,
            business=shown_business,
            by=app,
            actor=actor,
            at=now,
        )
        _write(
            {"app_id": app.pk, "redemption": sql.as_rows([row]), "listing_id": listing_id, "limited": limited}
            | redemptions.entries_as_rows(SettlementEntry.Kind.OWE, app.pk, [row], now)
            | wallets.parameters()
            | events.as_rows(told)
        )
        events.nudge()
        redemption_risk.keep(app, risk, [redemption_risk.Spent(redemption_id, user_id, coins, tokens)])
        wallet = wallets[user_id]
        return {
            "redemptionId": redemption_id,
            "listingId": listing_id,
            "userId": user_id,
            "status": RedemptionStatus.PENDING.value,
            "discountCode": code,
            "riskScore": risk.score,
            "holdReasons": redemption_risk.HOLD_REASONS if risk.is_held else [],
            "coinCost": coins,
            "tokenCost": tokens,
            "balances": {
                "xp": wallet.available(XP),
                "coins": wallet.available(COIN),
                "tokens": wallet.available(TOKEN),
            },
            "redeemedAt": clock.iso(now),
            "expiresAt": clock.iso(row["expires_at"]),
            "business": shown_business,
        }


def _refuse_unless_open(
    joined: bool, is_verified: bool, published: bool, has_started: bool, has_ended: bool, is_agreed: bool
) -> None:
    if not joined:
        raise Conflict("marketplace_not_joined", "This app has not joined the marketplace.")
    if not is_verified:
        raise Conflict("business_not_verified", "The business of this listing is not verified.")
    if not published:
        raise Conflict("listing_not_published", "This listing is not on offer now.")
    if not has_started:
        raise Conflict("listing_not_started", "This listing is not on offer yet.")
    if has_ended:
        raise Conflict("listing_ended", "This listing is no longer on offer.")
    if not is_agreed:
        raise Conflict("listing_not_available", "This listing is not for the users of this app.")


def _out_of_stock() -> Conflict:
    return Conflict("out_of_stock", "There is none of this listing left.")


def _write(params: dict) -> None:
    try:
        made, is_gone = sql.row(_WRITE, params)
    except IntegrityError as error:
        if getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) == "marketplace_code_unique":
            raise Overtaken from error
        raise
    # all of the above is rolled back by these refusals
    if is_gone:
        raise _out_of_stock()
    if not made:
        raise Conflict("on_hold", "This user is in review, and cannot spend until it is decided.")
