"""What an app and each of its partners owe each other in a month, redemption by redemption, and the recount of it all.

Statements are read from the settlement entries and from nothing else, so they sum to them. A month is of the app's own zone:
two partners in two zones may have the same entry in neighbouring months.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from incenta import clock, money
from incenta.accounts.models import App
from incenta.database import sql
from incenta.errors import InvalidInput

from .models import SettlementEntry

OWE = SettlementEntry.Kind.OWE
TO_US, BY_US = "TO_US", "BY_US"
FINDINGS_NAMED = 100


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month. ``str()`` is ``2026-11``."""

    first: date

    @classmethod
    def parse(cls, text: str, field: str = "month") -> "Month":
        """Raises ``InvalidInput`` for anything but ``YYYY-MM`` from the year 2000 on."""
        told = re.fullmatch(r"(2\d{3})-(0[1-9]|1[0-2])", text, re.ASCII)
        if told is None:
            raise InvalidInput({field: ["Must be a month such as 2026-11."]})
        return cls(date(int(told[1]), int(told[2]), 1))

    @classmethod
    def present(cls, app: App) -> "Month":
        return cls(clock.now(app).astimezone(ZoneInfo(app.timezone)).date().replace(day=1))

    @property
    def next(self) -> "Month":
        return Month((self.first + timedelta(days=32)).replace(day=1))

    @property
    def previous(self) -> "Month":
        return Month((self.first - timedelta(days=1)).replace(day=1))

    def bounds(self, app: App) -> tuple[datetime, datetime]:
        """From the first moment of the month to that of the next, which it does not hold."""
        zone = ZoneInfo(app.timezone)
        return tuple(
            datetime(day.year, day.month, 1, tzinfo=zone).astimezone(UTC) for day in (self.first, self.next.first)
        )

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


@dataclass(frozen=True, slots=True)
class Account:
    """What stands between us and one partner in one currency, in minor units, returns taken off."""

    app_id: str
    business_id: str | None
    name: str
    currency: str
    owed_to_us: int
    owed_by_us: int
    redemptions: int
    returns: int

    @property
    def net(self) -> int:
        """What they owe us; below zero what we owe them."""
        return self.owed_to_us - self.owed_by_us


_ACCOUNTS = """
SELECT partner_id, b.id, coalesce(b.name, a.name), sums.currency, to_us, by_us, redemptions, returns
FROM (
  SELECT partner_id, currency, sum(to_us) AS to_us, sum(by_us) AS by_us,
    count(*) FILTER (WHERE kind = 'OWE') AS redemptions, count(*) FILTER (WHERE kind = 'RETURN') AS returns
  FROM (
    SELECT debtor_id AS partner_id, currency, kind, CASE kind WHEN 'OWE' THEN amount_minor ELSE -amount_minor END AS to_us, 0 AS by_us
    FROM marketplace_settlemententry
    WHERE creditor_id = %(app_id)s AND occurred_at >= %(start)s AND occurred_at < %(end)s
    UNION ALL
    SELECT creditor_id, currency, kind, 0, CASE kind WHEN 'OWE' THEN amount_minor ELSE -amount_minor END
    FROM marketplace_settlemententry
    WHERE debtor_id = %(app_id)s AND occurred_at >= %(start)s AND occurred_at < %(end)s
  ) entries GROUP BY partner_id, currency
) sums
JOIN accounts_app a ON a.id = partner_id
LEFT JOIN marketplace_profile b ON b.app_id = partner_id
ORDER BY 3, 1, 4
"""


def accounts(app: App, month: Month) -> list[Account]:
    """One for each partner and currency that anything happened with in the month. One statement."""
    start, end = month.bounds(app)
    return [
        Account(*partner, currency, int(to_us), int(by_us), redemptions, returns)
        for *partner, currency, to_us, by_us, redemptions, returns in sql.rows(
            _ACCOUNTS, {"app_id": app.pk, "start": start, "end": end}
        )
    ]


def entries(app: App, month: Month) -> QuerySet[SettlementEntry]:
    """The entries of the month in which the app is either side, with what was redeemed."""
    start, end = month.bounds(app)
    ours = Q(debtor=app) | Q(creditor=app)
    return (
        SettlementEntry.objects.filter(ours, occurred_at__gte=start, occurred_at__lt=end)
        .select_related("redemption__listing")
        .only(
            *("debtor_id", "creditor_id", "kind", "currency", "amount_minor", "occurred_at", "redemption__coin_cost"),
            *("redemption__token_cost", "redemption__listing__title"),
        )
    )


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as one of its two apps sees it."""

    entry: SettlementEntry
    partner: Account
    direction: str

    @property
    def net(self) -> int:
        """What it adds to what the partner owes us, in minor units."""
        is_plus = (self.direction == TO_US) == (self.entry.kind == OWE)
        return self.entry.amount_minor if is_plus else -self.entry.amount_minor


def lines(app: App, partners: dict[str, Account], some: list[SettlementEntry]) -> list[Line]:
    """``partners``: any account of each partner's, by its app (``by_partner``)."""
    found = []
    for entry in some:
        direction = TO_US if entry.creditor_id == app.pk else BY_US
        partner_id = entry.debtor_id if direction == TO_US else entry.creditor_id
        found.append(Line(entry, partners[partner_id], direction))
    return found


def stream(app: App, month: Month) -> Iterator[Line]:
    """Every line of the month, the oldest first, however many there are. Two statements, one where nothing happened."""
    found = entries(app, month).order_by("occurred_at", "id").iterator(chunk_size=500)
    partners = None
    for some in iter(lambda: list(islice(found, 500)), []):
        # read after the entries, so that whoever is in one is among them
        partners = partners or by_partner(accounts(app, month))
        yield from lines(app, partners, some)


def by_partner(found: list[Account]) -> dict[str, Account]:
    return {account.app_id: account for account in found}


# --- faces ----------------------------------------------------------------------------------------------------------
def account_face(account: Account) -> dict:
    return {"partner": partner_face(account), "currency": account.currency, **_sums([account])}


def partner_face(account: Account) -> dict:
    return {"appId": account.app_id, "businessId": account.business_id, "name": account.name}


def totals(found: list[Account]) -> list[dict]:
    """Over all partners, by currency."""
    currencies = sorted({account.currency for account in found})
    return [
        {"currency": currency, **_sums([account for account in found if account.currency == currency])}
        for currency in currencies
    ]


def _sums(found: list[Account]) -> dict:
    currency = found[0].currency
    return {
        "owedToUs": money.to_number(sum(account.owed_to_us for account in found), currency),
        "owedByUs": money.to_number(sum(account.owed_by_us for account in found), currency),
        "net": money.to_number(sum(account.net for account in found), currency),
        "redemptions": sum(account.redemptions for account in found),
        "returns": sum(account.returns for account in found),
    }


def line_face(line: Line) -> dict:
    entry = line.entry
    return {
        "id": entry.pk,
        "kind": entry.kind,
        "direction": line.direction,
        "occurredAt": clock.iso(entry.occurred_at),
        "partner": partner_face(line.partner),
        "redemptionId": entry.redemption_id,
        "listing": {"id": entry.redemption.listing_id, "title": entry.redemption.listing.title},
        "coins": entry.redemption.coin_cost,
        "tokens": entry.redemption.token_cost,
        "currency": entry.currency,
        "amount": money.to_number(entry.amount_minor, entry.currency),
        "net": money.to_number(line.net, entry.currency),
    }


COLUMNS = [
    ("entryId", lambda line: line.entry.pk),
    ("occurredAtUtc", lambda line: line.entry.occurred_at),
    ("partnerAppId", lambda line: line.partner.app_id),
    ("partner", lambda line: line.partner.name),
    ("direction", lambda line: line.direction),
    ("kind", lambda line: line.entry.kind),
    ("redemptionId", lambda line: line.entry.redemption_id),
    ("listingId", lambda line: line.entry.redemption.listing_id),
    ("listing", lambda line: line.entry.redemption.listing.title),
    ("coins", lambda line: line.entry.redemption.coin_cost),
    ("tokens", lambda line: line.entry.redemption.token_cost),
    ("currency", lambda line: line.entry.currency),
    ("amount", lambda line: money.to_decimal(line.entry.amount_minor, line.entry.currency)),
    ("net", lambda line: money.to_decimal(line.net, line.entry.currency)),
]
"""Of the CSV. ``net`` sums to what the partners owe; amounts are numbers, which no spreadsheet runs."""

# --- the recount ----------------------------------------------------------------------------------------------------
_RECOUNT = """
WITH ours AS (
  SELECT id, app_id, business_app_id, status, currency, owed_minor FROM marketplace_redemption
  WHERE (app_id = %(app_id)s OR business_app_id = %(app_id)s) AND owed_minor > 0 AND app_id <> business_app_id
), due AS (
  SELECT id, 'OWE' AS kind, app_id, business_app_id, currency, owed_minor FROM ours
  UNION ALL SELECT id, 'RETURN', app_id, business_app_id, currency, owed_minor FROM ours WHERE status IN ('CANCELLED', 'EXPIRED')
), told AS (
  SELECT redemption_id AS id, kind, debtor_id, creditor_id, currency, amount_minor FROM marketplace_settlemententry
  WHERE debtor_id = %(app_id)s OR creditor_id = %(app_id)s
)
SELECT kind, id, coalesce(due.currency, told.currency), coalesce(owed_minor, 0), coalesce(amount_minor, 0),
  (due.currency, owed_minor) IS NOT DISTINCT FROM (told.currency, amount_minor)
FROM due FULL JOIN told USING (id, kind)
WHERE (app_id, business_app_id, due.currency, owed_minor) IS DISTINCT FROM (debtor_id, creditor_id, told.currency, amount_minor)
ORDER BY id, kind LIMIT %(most)s
"""


def verify(app: App) -> list[dict]:
    """Recounts the app's entries from its redemptions, on either side. Answers what disagrees, as the ledger's check tells it.

    Each redemption between two apps that owes anything has one ``OWE`` entry of what it owes, and one ``RETURN`` of the same
    where it is cancelled or expired; nothing else has an entry. One statement, one snapshot; safe beside writers.
    """
    found = sql.rows(_RECOUNT, {"app_id": app.pk, "most": FINDINGS_NAMED})
    return [
        {
            "check": "settlement_parties" if is_same_amount else f"settlement_{kind.lower()}",
            "id": redemption_id,
            "asset": currency,
            "expected": owed,
            "found": told,
        }
        for kind, redemption_id, currency, owed, told, is_same_amount in found
    ]
