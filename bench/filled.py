"""An app in which every list is long: so many rows of all that comes by itself, made by SQL in one go.

A year of a merchant's life (a month of what is kept for a month), however many rows: the larger app is the busier one, not the
older. What somebody makes by hand, such as campaigns, rules, listings and endpoints, is as much in every app.
"""

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

from bench import installation
from bench.million import _fingerprint, say

VERSION = 2
"""Raise it when what is made here changes: the data is then made anew."""
HANDMADE = 200
FEW = 20
"""Campaigns, items and listings that others name."""
OF_ONE = 2_000
"""Entries of the one user whose ledger is a list."""


@dataclass
class Filled:
    """An app, its owner, and what its pages name."""

    app_id: str
    owner_id: int
    names: dict[str, str]


def use(rows: int) -> None:
    """From here on this process speaks to the database of that size."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = f"incenta_pages_{rows}"


def ready(rows: int) -> Filled:
    """The app of that size, made where there is none."""
    from bench.players import fresh_database

    use(rows)
    note = installation.HOME / f"rows-{rows}.json"
    made_by = [VERSION, rows, _fingerprint()]
    known = json.loads(note.read_text()) if note.exists() else {}
    if known.pop("made_by", None) == made_by:
        return Filled(**known)
    say(
        f"Making {rows:,} rows of everything in {installation.HOME}: {'minutes' if rows > 100_000 else 'a moment'}, once."
    )
    note.unlink(missing_ok=True)
    fresh_database()
    made = _make(rows)
    note.write_text(json.dumps(asdict(made) | {"made_by": made_by}))
    return made


def _make(rows: int) -> Filled:
    from django.db import connection, transaction

    from incenta.accounts import create_merchant
    from incenta.accounts.models import App, Plan, User

    with transaction.atomic():
        Plan.objects.create(name="Bench", monthly_calls=10**12, calls_per_minute=10**9, is_default=True)
        owner = User.objects.create_user("bench@example.com", "no password that matters")
        merchant = create_merchant(owner, "Bench")
        app = merchant.apps.get(sandbox_of=None)
        partner = App.objects.create(merchant=merchant, name="Partner")
    known = {"app": app.pk, "merchant": merchant.pk, "partner": partner.pk, "rows": rows}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # neither triggers nor foreign keys
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(STAMP)
        cursor.execute(NUMBERS.format(rows=rows, few=FEW))
        for name, most, columns in TABLES:
            _fill(cursor, name, known | {"most": min(most or rows, rows)}, columns)
        for statement in SUMS:
            cursor.execute(statement, known)
        cursor.execute("SELECT i, stamp, lately FROM bench_number WHERE i IN (1, %(rows)s / 2) ORDER BY i", known)
        (_, first, _), (middle, stamp, lately) = cursor.fetchall()
        cursor.execute("DROP TABLE bench_number")
    with connection.cursor() as cursor:
        # one session does all of a page's work, so that its time is all of the time
        cursor.execute(f"ALTER DATABASE incenta_pages_{rows} SET max_parallel_workers_per_gather = 0")
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
    names = {"first": first, "middle": stamp, "lately": lately, "i": str(middle)}
    return Filled(app.pk, owner.pk, names)


def _fill(cursor, name: str, known: dict, columns: dict[str, str]) -> None:
    """One row a number up to ``most``. A column that is not named has its default, nothing, or an empty text."""
    from django.apps import apps
    from django.db.models import NOT_PROVIDED, AutoField

    started, told, values = time.monotonic(), {}, {}
    model = apps.get_model(name)
    for field in model._meta.local_concrete_fields:
        if field.attname in columns:
            told[field.column] = columns[field.attname]
        elif field.attname == "app_id":
            told[field.column] = "%(app)s"
        elif not isinstance(field, AutoField) and field.db_default is NOT_PROVIDED:
            told[field.column] = f"%(default_{field.attname})s"
            values[f"default_{field.attname}"] = _default(field)
    quoted = ", ".join(f'"{column}"' for column in told)
    cursor.execute(
        f'INSERT INTO "{model._meta.db_table}" ({quoted}) SELECT {", ".join(told.values())} '
        "FROM bench_number WHERE i <= %(most)s",
        known | values,
    )
    say(f"    {model._meta.db_table:<32} {cursor.rowcount:>9,} rows, {time.monotonic() - started:.0f} s")


def _default(field) -> Any:
    from django.db import connection

    if field.has_default():
        return field.get_db_prep_save(field.get_default(), connection)
    if field.null:
        return None
    if field.empty_strings_allowed:
        return ""
    raise TypeError(f"{field}: say what it holds.")


# Number i of all lies in the past year, the last one now; ``stamp`` is what follows the prefix of an id of that moment. ``late``
# and ``lately`` are the same of a number in the past month. ``few`` is the stamp of one of the first numbers.
_DIGITS = " || ".join(
    f"substr('0123456789abcdefghjkmnpqrstvwxyz', ((ms >> {5 * place}) & 31)::int + 1, 1)" for place in range(9, -1, -1)
)
STAMP = f"""
CREATE FUNCTION pg_temp.stamp(ms bigint, i int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT {_DIGITS} || lpad(i::text, 16, '0') $$
"""
NUMBERS = """
CREATE UNLOGGED TABLE bench_number AS
SELECT i, at, late, pg_temp.stamp((extract(epoch FROM at) * 1000)::bigint, i) AS stamp,
  pg_temp.stamp((extract(epoch FROM late) * 1000)::bigint, i) AS lately,
  pg_temp.stamp((extract(epoch FROM early) * 1000)::bigint, 1 + i % {few}) AS few
FROM (SELECT i, now() - ({rows} - i) * (interval '365 days' / {rows}) AS at,
  now() - ({rows} - i) * (interval '29 days' / {rows}) AS late,
  now() - ({rows} - 1 - i % {few}) * (interval '365 days' / {rows}) AS early FROM generate_series(1, {rows}) i) n
"""

MADE = {"created_at": "at", "updated_at": "at"}
RULE = {"key": "'rule_' || i", "name": "'Rule ' || i"} | MADE
ENTRY = {
    "asset": "'COIN'", "kind": "'EARN'", "source": "'ISSUER'", "target": "'AVAILABLE'", "held_after": "0", "cause": "'evt_' || stamp",
    "cause_type": "'event'", "rule_version": "1", "occurred_at": "at", "recorded_at": "at",
}  # fmt: skip
GRANT = {
    "user_id": "'u' || i", "key": "'rule_' || 1 + i %% 30", "cause": "'evt_' || stamp", "cause_type": "'event'", "rule_version": "1",
    "granted_at": "at",
}  # fmt: skip
SPENT = {"user_id": "'u' || i", "coin_cost": "5", "token_cost": "0", "took_stock": "false", "redeemed_at": "at"}
REWARD_STATUS = "(ARRAY['PENDING', 'PENDING', 'APPROVED', 'PAID', 'PAID', 'PAID', 'PAID', 'PAID', 'PAID', 'CANCELLED'])[1 + i %% 10]"

TABLES: list[tuple[str, int | None, dict[str, str]]] = [
    ("accounts.Participant", None, {
        "id": "'usr_' || stamp", "external_id": "'u' || i", "first_seen_at": "at", "last_seen_at": "at",
    }),
    ("accounts.AuditEntry", None, {
        "merchant_id": "%(merchant)s", "type": "'APP_CHANGED'", "actor": "'user:1'", "subject_id": "%(app)s", "at": "at",
    }),
    ("referrals.Campaign", HANDMADE, {
        "id": "'camp_' || stamp", "name": "'Campaign ' || i", "declared_status": "'ACTIVE'", "currency": "'USD'", "reward_value": "10",
    } | MADE),
    ("referrals.Referral", None, {
        "id": "'ref_' || stamp", "campaign_id": "'camp_' || few", "code": "'B' || lpad(i::text, 7, '0')",
        "code_key": "'b' || lpad(i::text, 7, '0')", "slug": "'B' || lpad(i::text, 7, '0')", "referrer_id": "'u' || i",
        "status": "CASE WHEN i %% 100 = 0 THEN 'FLAGGED' ELSE (ARRAY['PENDING', 'CLICKED', 'CONVERTED'])[1 + i %% 3] END",
        "is_flagged": "i %% 100 = 0", "rule_version": "1", "created_at": "at",
    }),
    ("referrals.Conversion", None, {
        "id": "'conv_' || stamp", "campaign_id": "'camp_' || few", "referral_id": "'ref_' || stamp", "referrer_id": "'u' || i",
        "referee_id": "'f' || i", "status": "CASE WHEN i %% 100 = 0 THEN 'FLAGGED' WHEN i %% 97 = 0 THEN 'REVERSED' ELSE 'CONVERTED' END",
        "amount_minor": "1000 + i %% 9000", "currency": "'USD'", "reward_minor": "500", "reward_asset": "'USD'",
        "external_id": "'order-' || i", "request_hash": "md5(stamp)", "first_time": "true", "rule_version": "1", "converted_at": "at",
    }),
    ("referrals.Reward", None, {
        "id": "'rew_' || stamp", "campaign_id": "'camp_' || few", "referral_id": "'ref_' || stamp", "conversion_id": "'conv_' || stamp",
        "user_id": "'u' || i", "side": "'REFERRER'", "asset": "'USD'", "amount_minor": "500", "status": REWARD_STATUS,
        "holds": "CASE WHEN i %% 20 = 0 THEN ARRAY['FRAUD_REVIEW'] ELSE ARRAY[]::varchar[] END", "ledger_hold_id": "'trf_' || stamp",
        "fulfillment_type": "'MANUAL'", "rule_version": "1", "created_at": "at",
    }),
    ("referrals.ReferralTotal", None, {
        "referral_id": "'ref_' || stamp", "asset": "'USD'", "referrals": "1", "clicks": "2", "conversions": "1", "reward_minor": "500",
    }),
    ("events.Event", None, {
        "id": "'msg_' || stamp", "type": "'REFERRAL_CONVERTED'", "subject_type": "'conversion'", "subject_id": "'conv_' || stamp",
        "actor": "CASE WHEN i %% 50 = 0 THEN 'user:1' ELSE 'key_' || few END", "occurred_at": "at", "recorded_at": "at",
        "position": "i",  # a transaction's each, as requests write them
        "data": "json_build_object('userId', 'u' || i, 'amount', 5, 'currency', 'USD')::jsonb", "dispatched_at": "at",
    }),
    ("incentives.Action", 30, RULE | {"type": "'STANDARD'", "xp": "5"}),
    ("incentives.Badge", 30, RULE),
    ("incentives.Milestone", 30, RULE | {"metric": "'events'", "threshold": "i"}),
    ("incentives.Level", 30, MADE | {"level": "i", "name": "'Level ' || i", "xp_threshold": "100 * i"}),
    ("incentives.Wallet", None, {
        "id": "'wal_' || stamp", "user_id": "'u' || i", "seq": "1", "xp": "i %% 3500", "coins": "100", "created_at": "at",
    }),
    ("incentives.Transfer", None, ENTRY | {
        "id": "'trf_' || stamp", "wallet_id": "'wal_' || stamp", "seq": "1", "amount": "100", "available_after": "100",
    }),
    ("incentives.Transfer", OF_ONE, ENTRY | {
        "id": "'trf_' || stamp || 'z'", "wallet_id": "(SELECT 'wal_' || n.stamp FROM bench_number n WHERE n.i = 1)", "seq": "1 + i",
        "amount": "1", "available_after": "100 + i",
    }),
    ("incentives.Standing", None, {"user_id": "'u' || i", "level": "(i %% 3500) / 100", "events": "1", "timezone": "'UTC'"}),
    ("incentives.Activity", None, {
        "id": "'evt_' || lately", "user_id": "'u' || i", "action_key": "'rule_' || 1 + i %% 30", "request_hash": "md5(stamp)", "xp": "5",
        "outcome": "'{}'::jsonb", "rule_version": "1", "occurred_at": "late", "day": "late::date", "recorded_at": "late",
    }),
    ("incentives.Grant", None, GRANT | {"kind": "'badge'"}),
    ("incentives.Grant", None, GRANT | {"kind": "'milestone'"}),
    ("incentives.BoardScore", None, {
        "period": "'A'", "start": "date '0001-01-01'", "user_id": "'u' || i", "xp": "i %% 3500", "xp_at": "at", "coins": "100",
        "coins_at": "at", "referrals": "1", "referrals_at": "at",
    }),
    ("incentives.Item", HANDMADE, MADE | {"id": "'item_' || stamp", "name": "'Mug ' || i", "coin_cost": "i"}),
    ("incentives.ItemRedemption", None, SPENT | {
        "id": "'rdm_' || stamp", "item_id": "'item_' || few", "status": "CASE WHEN i %% 10 = 0 THEN 'PENDING' ELSE 'FULFILLED' END",
    }),
    ("marketplace.Profile", 1, MADE | {"id": "'biz_' || stamp", "name": "'Café'", "status": "'VERIFIED'"}),
    ("marketplace.Listing", HANDMADE, MADE | {
        "id": "'lst_' || stamp", "business_id": "(SELECT 'biz_' || n.stamp FROM bench_number n WHERE n.i = 1)", "title": "'Coffee ' || i",
        "coin_cost": "i", "currency": "'USD'",
    }),
    ("marketplace.Promotion", HANDMADE, {
        "id": "'prm_' || stamp", "listing_id": "'lst_' || few", "percent_off": "10", "starts_at": "at",
        "ends_at": "now() + interval '1 day'",
        "created_at": "at",
    }),
    ("marketplace.Redemption", None, SPENT | {
        "id": "'rdm_' || stamp", "business_app_id": "%(app)s", "listing_id": "'lst_' || few", "code": "'CAFE-' || i",
        "code_key": "'cafe' || i", "currency": "'USD'", "on_expiry": "'RETURN'",
        "status": "CASE WHEN i %% 10 = 0 THEN 'PENDING' ELSE 'FULFILLED' END",
    }),
    ("marketplace.SettlementEntry", None, {
        "id": "'stl_' || stamp", "debtor_id": "%(partner)s", "creditor_id": "%(app)s", "kind": "'OWE'", "currency": "'USD'",
        "amount_minor": "5", "redemption_id": "'rdm_' || stamp", "occurred_at": "at",
    }),
    ("fraud.Case", None, {
        "id": "'case_' || stamp", "key": "'u' || i", "status": "CASE WHEN i %% 10 = 0 THEN 'OPEN' ELSE 'CLOSED' END", "score": "i %% 100",
        "held": "json_build_object('USD', i %% 5000)::jsonb", "expected_loss": "(i %% 5000)::numeric / 100", "opened_at": "at",
        "closed_at": "CASE WHEN i %% 10 = 0 THEN NULL ELSE at END", "outcome": "CASE WHEN i %% 10 = 0 THEN '' ELSE 'REJECT' END",
    }),
    ("fraud.Flag", None, {
        "id": "'flag_' || stamp", "case_id": "'case_' || stamp", "subject_type": "'CONVERSION'", "subject_id": "'conv_' || stamp",
        "user_id": "'u' || i", "type": "CASE WHEN i %% 50 = 0 THEN 'SELF_REFERRAL' ELSE 'DUPLICATE_IP' END", "signal": "'SELF_REFERRAL'",
        "points": "50", "score": "i %% 100", "message": "'It looks like one person.'", "first_at": "at", "last_at": "at",
        "status": "CASE WHEN i %% 10 = 0 THEN 'OPEN' ELSE 'REJECTED' END",
    }),
    ("fraud.Decision", None, {
        "id": "'dcs_' || stamp", "case_id": "'case_' || stamp", "verdict": "'REJECT'", "actor": "'user:1'", "user_id": "1", "at": "at",
    }),
    ("fraud.ListEntry", None, {
        "id": "'lent_' || stamp", "side": "CASE WHEN i %% 10 = 0 THEN 'ALLOW' ELSE 'DENY' END", "kind": "'USER'", "value": "'u' || i",
        "actor": "'user:1'", "created_at": "at",
    }),
    ("fraud.Mute", HANDMADE, {
        "id": "'mute_' || stamp", "signal": "'DEVICE_SHARED'", "user_id": "'u' || i", "actor": "'user:1'", "created_at": "at",
        "expires_at": "now() + interval '9 days'",
    }),
    ("webhooks.WebhookEndpoint", 5, MADE | {
        "id": "'whk_' || stamp", "url": "'https://hooks.example.com/' || i", "events": "ARRAY['*']", "created_by": "'user:1'",
    }),
    ("webhooks.EndpointHealth", 5, {"endpoint_id": "'whk_' || stamp"}),
    ("webhooks.WebhookMessage", None, {
        "id": "'msg_' || stamp", "type": "'REFERRAL_CONVERTED'", "body": "'{}'::bytea", "created_at": "late",
    }),
    ("webhooks.WebhookDelivery", None, {
        "id": "'dlv_' || lately", "message_id": "'msg_' || stamp", "type": "'REFERRAL_CONVERTED'", "sends": "1", "last_status": "200",
        "endpoint_id": "(SELECT 'whk_' || n.stamp FROM bench_number n WHERE n.i = 1)", "next_at": "late", "created_at": "late",
        "state": "CASE WHEN i %% 50 = 0 THEN 'failed' ELSE 'delivered' END", "done_at": "late",
    }),
    ("webhooks.WebhookAttempt", None, {
        "delivery_id": "'dlv_' || lately", "n": "1", "started_at": "late", "ended_at": "late", "url": "'https://hooks.example.com/1'",
        "status": "200", "ms": "20",
    }),
    ("api.RequestLog", None, {
        "id": "'req_' || lately", "method": "'POST'", "path": "'/v1/conversions'", "route": "'v1/conversions'",
        "status": "CASE WHEN i %% 20 = 0 THEN 404 ELSE 201 END", "milliseconds": "9", "created_at": "late",
        "error_code": "CASE WHEN i %% 20 = 0 THEN 'referral_not_found' ELSE '' END",
        "request_body": "'{\"refereeId\":\"f' || i || '\"}'", "response_body": "'{\"error\":\"Referral code not found.\"}'",
    }),
]  # fmt: skip
"""Table -> at most how many rows (None: all), and what stands in its columns."""

COUNTED = "count(*), 2 * count(*), count(*), 0, 500 * count(*) FROM bench_number"
SUMS = (
    "INSERT INTO referrals_campaigntotal (app_id, campaign_id, asset, referrals, clicks, conversions, flagged, reward_minor) "
    f"SELECT %(app)s, 'camp_' || few, 'USD', {COUNTED} GROUP BY few",
    "INSERT INTO referrals_statday (app_id, campaign_id, asset, day, referrals, clicks, conversions, flagged, reward_minor) "
    f"SELECT %(app)s, 'camp_' || few, 'USD', at::date, {COUNTED} GROUP BY few, at::date",
    f"UPDATE incentives_wallet SET seq = 1 + {OF_ONE}, coins = 100 + {OF_ONE} WHERE user_id = 'u1'",
    """INSERT INTO incentives_boardbucket (app_id, period, start, metric, bucket, users)
SELECT app_id, period, start, metric, incenta_board_bucket(score), count(*) FROM incentives_boardscore
CROSS JOIN LATERAL (VALUES ('xp', xp), ('coins', coins), ('referrals', referrals)) v(metric, score) GROUP BY 1, 2, 3, 4, 5""",
    """INSERT INTO incentives_boardblock (app_id, period, start, metric, block, users)
SELECT app_id, period, start, metric, bucket >> 6, sum(users) FROM incentives_boardbucket GROUP BY 1, 2, 3, 4, 5""",
)
"""What others keep of these rows."""
