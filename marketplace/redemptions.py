"""What becomes of a redemption: honoured by the business, cancelled by either party, or expired. Each ends it for good."""

from datetime import datetime

from django.db.models import Q, QuerySet

from fraud import cases
from fraud.models import Subject
from incenta import clock, codes, events, money
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import Conflict, Forbidden, NotFound
from incenta.ids import new_id
from incentives import ledger
from incentives.explaining import Explainer
from incentives.redeeming import on_hold
from incentives.redemption_risk import HOLD_REASONS

from .models import ExpiryPolicy, ListingStock, Redemption, RedemptionStatus, SettlementEntry

ISSUER, BUSINESS, SYSTEM = "ISSUER", "BUSINESS", "SYSTEM"

WRITE_ENTRIES = """entries AS (
  INSERT INTO marketplace_settlemententry (id, debtor_id, creditor_id, kind, currency, amount_minor, redemption_id, occurred_at)
  SELECT id, debtor_id, creditor_id, kind, currency, amount_minor, redemption_id, occurred_at
  FROM json_to_recordset(%(entries)s::json) AS e(id text, debtor_id text, creditor_id text, kind text, currency text,
    amount_minor bigint, redemption_id text, occurred_at timestamptz)
)"""
"""A CTE that writes settlement entries; its parameter comes from ``entries_as_rows``."""

_END = f"""
WITH ended AS (
  UPDATE marketplace_redemption AS r SET status = %(status)s, settled_by = %(settled_by)s, reason = %(reason)s,
    cancelled_at = %(now)s
  WHERE r.id = ANY(%(ids)s)
), stock AS (
  UPDATE marketplace_listingstock AS s SET "left" = s."left" + r.n
  FROM json_to_recordset(%(stock)s::json) AS r(listing_id text, n bigint) WHERE s.listing_id = r.listing_id
),
{WRITE_ENTRIES},
{ledger.WRITE},
{events.INSERT}
SELECT 1
"""


# --- finding ----------------------------------------------------------------------------------------------------------
def issued(app: App) -> QuerySet[Redemption]:
    """Those of the app's own users, anywhere."""
    return app.marketplace_redemptions.select_related("listing__business", "business_app", "app")


def here(app: App) -> QuerySet[Redemption]:
    """Those at the app's own business, of anybody's users."""
    return app.redemptions_here.select_related("listing__business", "business_app", "app")


def get(app: App, redemption_id: str) -> Redemption:
    """One that the app is a party to. Raises ``NotFound`` ``redemption_not_found``."""
    found = _of_either(app).filter(pk=redemption_id).first()
    if found is None:
        raise _not_found()
    return found


def by_code(app: App, code: str) -> Redemption | None:
    """The redemption of a code that the app's own business has to honour. Compared as codes are: without regard to case."""
    return here(app).filter(code_key=codes.key_of(code)).first()


def named(app: App, text: str) -> Redemption | None:
    """The redemption with this id or code that the app is a party to."""
    if text.startswith("rdm_"):
        return _of_either(app).filter(pk=text).first()
    return _of_either(app).filter(code_key=codes.key_of(text)).first()


def _of_either(app: App) -> QuerySet[Redemption]:
    return Redemption.objects.select_related("listing__business", "business_app", "app").filter(
        Q(app=app) | Q(business_app=app)
    )


def _not_found() -> NotFound:
    return NotFound("redemption_not_found", "Redemption not found.")


def is_usable(redemption: Redemption) -> bool:
    """Whether its code can be used now, by the clock of the app that issued it."""
    return redemption.status == RedemptionStatus.PENDING and not redemption.is_held and not _is_over(redemption)


def _is_over(redemption: Redemption) -> bool:
    return redemption.expires_at is not None and redemption.expires_at <= clock.now(redemption.app)


# --- ending -----------------------------------------------------------------------------------------------------------
def fulfil(
    app: App, redemption_id: str, *, order_reference: str = "", actor: str = "", repeatable: bool = True
) -> Redemption:
    """The business honours a code. Repeating it is harmless, but where ``repeatable`` is off (a code shown at a till) it is
    refused.

    Raises ``NotFound`` ``redemption_not_found``; ``Forbidden`` ``not_the_business`` to the issuer; ``Conflict``
    ``redemption_cancelled``, ``redemption_expired``, ``already_fulfilled``, ``redemption_on_hold`` while the issuer reviews it.
    """
    with sql.transaction_joined():
        redemption = _locked(app, redemption_id)
        if redemption.business_app_id != app.pk:
            raise Forbidden("not_the_business", "Only the business itself fulfils a redemption.")
        if redemption.status == RedemptionStatus.FULFILLED:
            if repeatable:
                return redemption
            raise Conflict(
                "already_fulfilled",
                "This code was used before.",
                details={
                    "fulfilledAt": clock.iso(redemption.fulfilled_at),
                    "orderReference": redemption.order_reference,
                },
            )
        if redemption.status == RedemptionStatus.CANCELLED:
            raise _cancelled()
        if redemption.is_held:
            raise on_hold()
        if redemption.status == RedemptionStatus.EXPIRED or _is_over(redemption):
            raise _expired(redemption)
        redemption.status, redemption.settled_by = RedemptionStatus.FULFILLED, BUSINESS
        redemption.fulfilled_at = clock.now(redemption.app)
        redemption.order_reference = order_reference
        redemption.save(update_fields=["status", "settled_by", "fulfilled_at", "order_reference"])
        events.write(
            _events("MARKETPLACE_REDEMPTION_FULFILLED", redemption, by=app, actor=actor, at=redemption.fulfilled_at)
        )
    return redemption


def cancel(app: App, redemption_id: str, *, reason: str = "", actor: str = "") -> Redemption:
    """Either party cancels a code that was not used: coins return to their lots, the stock and what is owed with them; the code
    is not given again. Repeating it is harmless.

    Raises ``NotFound`` ``redemption_not_found``; ``Conflict`` ``redemption_fulfilled``, ``redemption_expired``.
    """
    with sql.transaction_joined():
        found = get(app, redemption_id)
        wallets = ledger.lock(found.app, [found.user_id], create=False)  # before the row, as everywhere
        redemption = _locked(app, redemption_id)
        if redemption.status == RedemptionStatus.CANCELLED:
            return redemption
        if redemption.status == RedemptionStatus.FULFILLED:
            raise Conflict("redemption_fulfilled", "This redemption was honoured, and can no longer be cancelled.")
        if redemption.status == RedemptionStatus.EXPIRED or (_is_over(redemption) and not redemption.is_held):
            raise _expired(redemption)
        was_held = redemption.is_held
        _end(redemption.app, wallets, [redemption], RedemptionStatus.CANCELLED, by=app, reason=reason, actor=actor)
        if was_held:
            cases.reweigh(redemption.app, [(Subject.REDEMPTION.value, redemption.pk)])
    return redemption


def expire(issuer: App, ids: list[tuple[str, str]]) -> int:
    """Ends those of these (id, user) of one issuer whose time has come and that nobody used; what is in review waits. Answers how many.

    One transaction; what somebody else settles at the moment is left to the next round.
    """
    with sql.transaction_joined():
        wallets = ledger.lock(issuer, [user_id for _, user_id in ids], create=False)
        due = list(
            Redemption.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("listing__business", "business_app", "app")
            .filter(
                app=issuer,
                pk__in=[id for id, _ in ids],
                status=RedemptionStatus.PENDING,
                held_at=None,
                expires_at__lte=clock.now(issuer),
            )
            .order_by("pk")
        )
        if due:
            _end(issuer, wallets, due, RedemptionStatus.EXPIRED, by=None)
    return len(due)


def _locked(app: App, redemption_id: str) -> Redemption:
    found = _of_either(app).select_for_update(of=("self",)).filter(pk=redemption_id).first()
    if found is None:
        raise _not_found()
    return found


def _cancelled() -> Conflict:
    return Conflict("redemption_cancelled", "This redemption is cancelled, and its coins are returned.")


def _expired(redemption: Redemption) -> Conflict:
    return Conflict(
        "redemption_expired", "This code has expired.", details={"expiresAt": clock.iso(redemption.expires_at)}
    )


def _end(
    issuer: App,
    wallets: ledger.Wallets,
    ended: list[Redemption],
    status: RedemptionStatus,
    *,
    by: App | None,
    reason: str = "",
    actor: str = "",
) -> None:
    """Cancels or expires locked redemptions of one issuer, whose users' wallets are locked, by one statement."""
    now = wallets.now
    settled_by = SYSTEM if by is None else ISSUER if by.pk == issuer.pk else BUSINESS
    returning = [
        each
        for each in ended
        if status == RedemptionStatus.CANCELLED or each.on_expiry == ExpiryPolicy.RETURN
    ]  # fmt: skip
    spends = {
        transfer_id: each
        for each in returning
        for transfer_id in (each.coin_transfer_id, each.token_transfer_id)
        if transfer_id
    }
    for transfer_id, spend in sorted(ledger.transfers(issuer, spends).items() if spends else ()):
        redemption = spends[transfer_id]
        wallets.load_lots([redemption.user_id], spend.asset)
        wallets.move(
            redemption.user_id,
            ledger.REFUND,
            spend.asset,
            None,
            reverses=spend,
            cause=redemption.pk,
            cause_type="redemption_cancelled",
            occurred_at=now,
        )
    back: dict[str, int] = {}
    for each in ended:
        if each.took_stock:
            back[each.listing_id] = back.get(each.listing_id, 0) + 1
    # in one order, so that two who return several wait for each other in no circle
    list(ListingStock.objects.select_for_update().filter(pk__in=back).order_by("pk").values_list("pk"))
    for each in ended:
        each.status, each.settled_by, each.reason, each.cancelled_at = status, settled_by, reason, now
    told = [
        event
        for each in ended
        for event in _events("MARKETPLACE_REDEMPTION_CANCELLED", each, by=by, actor=actor, at=now)
    ]  # fmt: skip
    owed = [
        {
            "id": each.pk,
            "business_app_id": each.business_app_id,
            "owed_minor": each.owed_minor,
            "currency": each.currency,
        }
        for each in ended
    ]
    sql.execute(
        _END,
        {
            "status": status.value,
            "settled_by": settled_by,
            "reason": reason,
            "now": now,
            "ids": [each.pk for each in ended],
            "stock": sql.as_rows([{"listing_id": listing_id, "n": n} for listing_id, n in back.items()]),
        }
        | entries_as_rows(SettlementEntry.Kind.RETURN, issuer.pk, owed, now)
        | wallets.parameters()
        | events.as_rows(told),
    )
    wallets.written()
    events.nudge()


def entries_as_rows(kind: str, issuer_id: str, rows: list[dict], at: datetime) -> dict[str, str]:
    """The parameter of ``WRITE_ENTRIES``: what these redemptions make the issuer owe, or no longer owe. Nothing owed, no entry."""
    return {
        "entries": sql.as_rows(
            [
                {
                    "id": new_id("stl"),
                    "debtor_id": issuer_id,
                    "creditor_id": row["business_app_id"],
                    "kind": str(kind),
                    "currency": row["currency"],
                    "amount_minor": row["owed_minor"],
                    "redemption_id": row["id"],
                    "occurred_at": at,
                }
                for row in rows
                if row["owed_minor"]
            ]
        )
    }


# --- telling ----------------------------------------------------------------------------------------------------------
def _events(kind: str, redemption: Redemption, *, by: App | None, actor: str, at: datetime) -> list[dict]:
    row = {name: getattr(redemption, name) for name in _TOLD} | {"id": redemption.pk}
    issuer, business = redemption.app, _business(redemption)
    return events_of(
        kind, row, title=redemption.listing.title, issuer=issuer, business=business, by=by, actor=actor, at=at
    )  # fmt: skip


_TOLD = (
    "business_app_id", "listing_id", "user_id", "status", "coin_cost", "token_cost", "code", "expires_at", "owed_minor",
    "currency", "order_reference", "reason", "settled_by",
)  # fmt: skip


def events_of(
    kind: str, row: dict, *, title: str, issuer: App, business: dict, by: App | None, actor: str, at: datetime
) -> list[dict]:  # fmt: skip
    """A redemption's event for each of its parties: only the issuer's names the user. One, where both are one app.

    ``row`` is the redemption by the names of its columns; ``by`` the party that did it, whose own word ``actor`` is.
    """
    data = {
        "redemptionId": row["id"],
        "listingId": row["listing_id"],
        "listingTitle": title,
        "status": str(row["status"]),
        "discountCode": row["code"],
        "coinCost": row["coin_cost"],
        "tokenCost": row["token_cost"],
        "owed": money.to_number(row["owed_minor"], row["currency"]),
        "currency": row["currency"],
        "expiresAt": clock.iso(row["expires_at"]),
        "orderReference": row.get("order_reference") or None,
        "reason": row.get("reason") or None,
        "settledBy": row.get("settled_by") or None,
        "business": business,
        "issuer": {"name": issuer.name},
    }
    told = [(issuer, data | {"userId": row["user_id"]})]
    if row["business_app_id"] != issuer.pk:
        told.append((App(pk=row["business_app_id"]), data))
    subject = ("redemption", row["id"])
    return [
        events.event(
            app,
            kind,
            shown,
            subject=subject,
            occurred_at=at,
            actor=actor if by is not None and app.pk == by.pk else "",
        )
        for app, shown in told
    ]


def _business(redemption: Redemption) -> dict:
    profile = redemption.listing.business
    return {"id": profile.pk, "name": profile.name, "url": profile.url}


def face(redemption: Redemption, app: App) -> dict:
    """As one of its parties sees it: the user's id and what the issuer thinks of him are the issuer's alone."""
    shown = {
        "id": redemption.pk,
        "role": "issuer" if redemption.app_id == app.pk else "business",
        "listingId": redemption.listing_id,
        "listingTitle": redemption.listing.title,
        "status": redemption.status,
        "discountCode": redemption.code,
        "coinCost": redemption.coin_cost,
        "tokenCost": redemption.token_cost,
        "promotionId": redemption.promotion_id,
        "owed": money.to_number(redemption.owed_minor, redemption.currency),
        "currency": redemption.currency,
        "orderReference": redemption.order_reference or None,
        "reason": redemption.reason or None,
        "settledBy": redemption.settled_by or None,
        "holdReasons": HOLD_REASONS if redemption.is_held else [],
        "redeemedAt": clock.iso(redemption.redeemed_at),
        "expiresAt": clock.iso(redemption.expires_at),
        "fulfilledAt": clock.iso(redemption.fulfilled_at),
        "cancelledAt": clock.iso(redemption.cancelled_at),
        "business": _business(redemption),
        "issuer": {"name": redemption.app.name},
    }
    own = {"userId": redemption.user_id, "riskScore": redemption.risk_score}
    return shown | own if redemption.app_id == app.pk else shown


def explain(ids: list[str], found: list[list]) -> dict[str, dict]:
    """What entries say of redemptions in the marketplace, which they have as their cause."""
    return {
        id: {"text": f"Redeemed: {title} at {business}", "listingId": listing_id, "listingTitle": title}
        for id, listing_id, title, business in found
    }


EXPLAINER = Explainer(
    lambda app, ids: app.marketplace_redemptions.filter(pk__in=ids),
    ("id", "listing_id", "listing__title", "listing__business__name"),
    explain,
)
