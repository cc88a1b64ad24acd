"""The merchant with a million referrals: made once by SQL, in the shape in which the API would have made it.

Every referral has a row in the feed. Three in ten have converted once: conversion, reward, wallet, transfer and hold.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.installation import HOME

CAMPAIGNS = 10
VERSION = 3
"""Raise it when what is made here changes: the data is then made anew."""


@dataclass
class Million:
    """What the load needs to know of the merchant."""

    app_id: str
    secret: str
    campaigns: list[str]
    referrals: int
    converted: int

    @staticmethod
    def code(place: int) -> str:
        """The code of the referral of that number, from 1."""
        return f"B{place:07d}"


def ready(referrals: int) -> Million:
    """The merchant, made where there is none of this size."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from incenta.database.embedded import Cluster

    note = HOME / "million.json"
    tables = _fingerprint()
    if note.exists():
        known = json.loads(note.read_text())
        if known.pop("made_by") == [VERSION, referrals, tables] and _is_there(known["app_id"]):
            return Million(**known)
    say(f"Making a merchant with {referrals:,} referrals in {HOME}: some minutes, once.")
    note.unlink(missing_ok=True)
    connection.close()
    settings = connection.settings_dict
    with connection._nodb_cursor() as cursor:  # a database of its own: what it holds may go
        Cluster(**settings["EMBEDDED"]).ensure_running()
        cursor.execute(f'DROP DATABASE IF EXISTS "{settings["NAME"]}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{settings["NAME"]}"')
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    made = _make(referrals)
    note.write_text(json.dumps(asdict(made) | {"made_by": [VERSION, referrals, tables]}))
    return made


def _is_there(app_id: str) -> bool:
    """Whether the database still holds that app: another bench may have made it anew for itself."""
    from django.db import DatabaseError

    from incenta.accounts.models import App

    try:
        return App.objects.filter(pk=app_id).exists()
    except DatabaseError:
        return False


def _fingerprint() -> str:
    """Of the migrations: other tables are other data."""
    from hashlib import blake2b

    from django.apps import apps

    digest = blake2b(digest_size=8)
    for config in sorted(apps.get_app_configs(), key=lambda each: each.label):
        for file in sorted((Path(config.path) / "migrations").glob("*.*")):
            if file.suffix in (".py", ".sql") and "site-packages" not in file.parts:
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _make(referrals: int) -> Million:
    from django.db import connection, transaction

    from incenta.accounts import create_merchant
    from incenta.accounts.models import ApiKey, Plan, User
    from incenta.database import sql
    from incentives import ledger
    from referrals import campaigns, stats

    with transaction.atomic():
        Plan.objects.create(name="Bench", monthly_calls=10**12, calls_per_minute=10**9, is_default=True)
        owner = User.objects.create_user("bench@example.com", "no password that matters")
        app = create_merchant(owner, "Bench").apps.get(sandbox_of=None)
        _, secret = ApiKey.objects.issue(app, "bench")
        rules = {"declared_status": "ACTIVE", "reward_model": "PERCENTAGE", "reward_value": 10, "currency": "USD"}
        made = [campaigns.create(app, {"name": f"Campaign {place}"} | rules) for place in range(CAMPAIGNS)]
    converted = referrals * 3 // 10
    values = {
        "app": app.pk,
        "campaigns": [campaign.pk for campaign in made],
        "all": referrals,
        "converted": converted,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # the proofs follow at the end, once
        cursor.execute("SET LOCAL synchronous_commit = off")
        for name, statement in STATEMENTS.items():
            started = time.monotonic()
            cursor.execute(statement, values)
            say(f"    {name:<12} {cursor.rowcount:>9,} rows, {time.monotonic() - started:.0f} s")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE, FREEZE)")
    assert ledger.verify(app)["ok"], ledger.verify(app)
    for campaign in made[:2]:
        figures = stats.of_campaigns(app, [campaign.pk])[campaign.pk]
        recount = stats.recount(app, campaign.pk)
        assert {key: figures[key] for key in recount} == recount, (figures, recount)
    sql.execute("CHECKPOINT")
    return Million(app.pk, secret, [campaign.pk for campaign in made], referrals, converted)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# Number i from 1: code B0000001, referrer u1, campaign i mod 10, made two minutes after number i - 1, and so on.
_NUMBERED = """
SELECT i, (%(campaigns)s::text[])[1 + i %% 10] AS campaign, lpad(i::text, 26, '0') AS place, 'B' || lpad(i::text, 7, '0') AS code,
  timestamptz '2023-01-01' + i * interval '2 minutes' AS at
FROM generate_series(1, {count}) i
"""
_REFERRALS = _NUMBERED.format(count="%(all)s::int")
_CONVERTED = _NUMBERED.format(count="%(converted)s::int")

STATEMENTS = {
    "referrals": f"""
INSERT INTO referrals_referral (id, app_id, campaign_id, code, code_key, slug, referrer_id, referee_id, status, is_flagged,
  rule_version, metadata, created_at)
SELECT 'ref_' || place, %(app)s, campaign, code, lower(code), code, 'u' || i, NULL,
  CASE WHEN i <= %(converted)s THEN 'CONVERTED' ELSE 'PENDING' END, false, 1, '{{}}', at FROM ({_REFERRALS}) n""",
    "events": f"""
INSERT INTO events_event (id, app_id, type, subject_type, subject_id, actor, data, occurred_at, recorded_at, dispatched_at)
SELECT 'msg_' || place, %(app)s, 'REFERRAL_CREATED', 'referral', 'ref_' || place, 'system',
  json_build_object('referralId', 'ref_' || place, 'referralCode', code, 'referrerId', 'u' || i, 'refereeId', null,
    'campaignId', campaign, 'status', 'PENDING', 'riskScore', null, 'warning', null, 'reasons', null), at, at, at
FROM ({_REFERRALS}) n""",
    "conversions": f"""
INSERT INTO referrals_conversion (id, app_id, campaign_id, referral_id, referrer_id, referee_id, status, amount_minor,
  reversed_minor, currency, reward_minor, reward_asset, request_hash, first_time, rule_version, metadata, trace, converted_at)
SELECT 'conv_' || place, %(app)s, campaign, 'ref_' || place, 'u' || i, 'f' || i, 'CONVERTED', 5000,
  0, 'USD', 500, 'USD', md5(place), true, 1, '{{}}', '{{"ruleVersion": 1, "steps": [], "risk": {{"outcome": "clean", "signals": []}}}}', at
FROM ({_CONVERTED}) n""",
    "wallets": f"""
INSERT INTO incentives_wallet (id, app_id, user_id, seq, xp, coins, tokens, xp_held, coins_held, tokens_held,
  xp_dated, coins_dated, tokens_dated, money, may_owe, created_at)
SELECT 'wal_' || place, %(app)s, 'u' || i, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, '{{"USD": {{"available": 0, "held": 500}}}}', false, at
FROM ({_CONVERTED}) n""",
    "transfers": f"""
INSERT INTO incentives_transfer (id, app_id, wallet_id, seq, asset, kind, source, target, amount, available_after, held_after,
  cause, cause_type, rule_version, occurred_at, recorded_at)
SELECT 'trf_' || place, %(app)s, 'wal_' || place, 1, 'USD', 'GRANT', 'ISSUER', 'HELD', 500, 0, 500,
  'rew_' || place, 'reward', 1, at, at FROM ({_CONVERTED}) n""",
    "holds": f"""
INSERT INTO incentives_hold (id, app_id, wallet_id, asset, kind, amount, open_amount, state, cause)
SELECT 'trf_' || place, %(app)s, 'wal_' || place, 'USD', 'GRANT', 500, 500, 'OPEN', 'rew_' || place FROM ({_CONVERTED}) n""",
    "rewards": f"""
INSERT INTO referrals_reward (id, app_id, campaign_id, referral_id, conversion_id, user_id, side, level, asset, amount_minor,
  reversed_minor, netted_minor, status, holds, in_budget, ledger_hold_id, fulfillment_type, rule_version, created_at)
SELECT 'rew_' || place, %(app)s, campaign, 'ref_' || place, 'conv_' || place, 'u' || i, 'REFERRER', 1, 'USD', 500,
  0, 0, 'PENDING', '{{}}', true, 'trf_' || place, 'MANUAL', 1, at FROM ({_CONVERTED}) n""",
    "figures": f"""
WITH codes AS (
  INSERT INTO referrals_referraltotal (app_id, referral_id, asset, referrals, clicks, conversions, flagged, reward_minor)
  SELECT %(app)s, 'ref_' || place, 'USD', 1, 0, (i <= %(converted)s)::int, 0, CASE WHEN i <= %(converted)s THEN 500 ELSE 0 END
  FROM ({_REFERRALS}) n
),
days AS (
  INSERT INTO referrals_statday (app_id, campaign_id, asset, day, referrals, clicks, conversions, flagged, reward_minor)
  SELECT %(app)s, campaign, 'USD', at::date, count(*), 0, count(*) FILTER (WHERE i <= %(converted)s), 0,
    500 * count(*) FILTER (WHERE i <= %(converted)s) FROM ({_REFERRALS}) n GROUP BY campaign, at::date
)
INSERT INTO referrals_campaigntotal (app_id, campaign_id, asset, referrals, clicks, conversions, flagged, reward_minor)
SELECT %(app)s, campaign, 'USD', count(*), 0, count(*) FILTER (WHERE i <= %(converted)s), 0,
  500 * count(*) FILTER (WHERE i <= %(converted)s) FROM ({_REFERRALS}) n GROUP BY campaign""",
}
