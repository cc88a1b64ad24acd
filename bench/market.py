"""Users with coins, and a business with a thousand listings in stock: made once, in the shape in which the API would have made it."""

import json
import time
from dataclasses import asdict, dataclass

from bench import installation
from bench.million import _fingerprint, say

VERSION = 1
"""Raise it when what is made here changes: the data is then made anew."""
COST = 100
COINS = 10**12
STOCK = 10**12


@dataclass
class Market:
    """What the load needs to know of it."""

    app_id: str
    secret: str
    users: int
    listings: int

    campaigns: tuple = ()
    """None; the runner of pgbench asks."""

    @staticmethod
    def user(place: int) -> str:
        """The user of that number, from 1."""
        return f"buyer-{place:07d}"

    @staticmethod
    def listing(place: int) -> str:
        """The listing of that number, from 1."""
        return f"lst_{place:026d}"


def ready(users: int, listings: int) -> Market:
    """The market, made where there is none of this size."""
    from bench.players import fresh_database

    note = installation.HOME / "market.json"
    made_by = [VERSION, users, listings, _fingerprint()]
    known = json.loads(note.read_text()) if note.exists() else {}
    if known.pop("made_by", None) == made_by:
        return Market(**known)
    say(f"Making a market with {users:,} users and {listings:,} listings in {installation.HOME}: a minute, once.")
    note.unlink(missing_ok=True)
    fresh_database()
    market = _make(users, listings)
    note.write_text(json.dumps(asdict(market) | {"made_by": made_by}))
    return market


def _make(users: int, listings: int) -> Market:
    from django.db import connection, transaction

    from incenta import clock
    from incenta.accounts import create_merchant
    from incenta.accounts.models import ApiKey, Plan, User
    from incentives import ledger
    from marketplace import participation, profiles
    from marketplace.models import Listing, ListingStock

    with transaction.atomic():
        Plan.objects.create(name="Bench", monthly_calls=10**12, calls_per_minute=10**9, is_default=True)
        owners = [User.objects.create_user(f"{name}@example.com", "no password that matters") for name in ("a", "b")]
        app, shop = (
            create_merchant(owner, name).apps.get(sandbox_of=None)
            for owner, name in zip(owners, ("Issuer", "Business"), strict=True)
        )
        _, secret = ApiKey.objects.issue(app, "bench")
        participation.revise(app, {"joined": True})
        business = profiles.verify(profiles.create(shop, {"name": "Business"}).pk)
        now = clock.now(shop)
        offered = [
            Listing(
                id=Market.listing(place), app=shop, business=business, title="Coffee", coin_cost=COST, limited=True,
                currency="USD", coin_rate="0.01", created_at=now, updated_at=now,
            )
            for place in range(1, listings + 1)
        ]  # fmt: skip
        Listing.objects.bulk_create(offered)
        ListingStock.objects.bulk_create(ListingStock(listing=each, app=shop, left=STOCK) for each in offered)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # the proofs follow at the end, once
        for name, statement in STATEMENTS.items():
            started = time.monotonic()
            cursor.execute(statement, {"app": app.pk, "users": users, "coins": COINS})
            say(f"    {name:<12} {cursor.rowcount:>9,} rows, {time.monotonic() - started:.0f} s")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE, FREEZE)")
        cursor.execute("CHECKPOINT")
    assert ledger.verify(app)["ok"], ledger.verify(app)
    return Market(app.pk, secret, users, listings)


_NUMBERED = """
SELECT i, 'buyer-' || lpad(i::text, 7, '0') AS user_id, lpad(i::text, 26, '0') AS place, now() - interval '1 day' AS at
FROM generate_series(1, %(users)s::int) i
"""
STATEMENTS = {
    "wallets": f"""
INSERT INTO incentives_wallet (id, app_id, user_id, seq, xp, coins, tokens, xp_held, coins_held, tokens_held,
  xp_dated, coins_dated, tokens_dated, money, may_owe, created_at)
SELECT 'wal_' || place, %(app)s, user_id, 1, 0, %(coins)s, 0, 0, 0, 0, 0, 0, 0, '{{}}', false, at FROM ({_NUMBERED}) n""",
    "transfers": f"""
INSERT INTO incentives_transfer (id, app_id, wallet_id, seq, asset, kind, source, target, amount, available_after, held_after,
  cause, cause_type, rule_version, occurred_at, recorded_at)
SELECT 'trf_' || place, %(app)s, 'wal_' || place, 1, 'COIN', 'EARN', 'ISSUER', 'AVAILABLE', %(coins)s, %(coins)s, 0,
  'evt_' || place, 'event', 1, at, at FROM ({_NUMBERED}) n""",
}
