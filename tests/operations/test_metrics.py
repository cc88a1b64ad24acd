"""What /metrics tells is true, and the alert rules and the document speak of nothing else."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from incenta import heartbeat
from incenta.celery import app as celery
from incenta.events import checking, dispatch, vital_signs
from incenta.events.models import Event, StuckEvent, VitalSign
from incentives import ledger
from incentives.models import LedgerCheck
from incentives.tasks import verify_ledgers

DOCS = Path(settings.BASE_DIR) / "docs" / "operate"
RULES = [rule for group in yaml.safe_load((DOCS / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
pytestmark = pytest.mark.django_db


def families() -> list:
    answer = Client(REMOTE_ADDR="127.0.0.1").get("/metrics")
    assert answer.status_code == 200
    return list(text_string_to_metric_families(answer.content.decode()))


def figures() -> dict[tuple, float]:
    return {(sample.name, *sample.labels.values()): sample.value for family in families() for sample in family.samples}


def names() -> set[str]:
    """Every name that a rule may use, also of families that have no sample yet."""
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
    return {family.name + ending for family in families() for ending in endings.get(family.type, [""])}


# --- the figures -----------------------------------------------------------------------------------------------------
def test_a_whole_installation_is_all_quiet(himal):
    told = figures()

    for name in ("events_undispatched", "events_oldest_undispatched_seconds", "events_stuck", "ledgers_drifting"):
        assert told[(f"incenta_{name}",)] == 0, name
    assert told[("incenta_migrations_pending",)] == told[("incenta_feed_behind",)] == 0
    assert 0 < told[("incenta_database_connections",)] < told[("incenta_database_connections_limit",)]
    assert told["incenta_task_period_seconds", "events.dispatch"] == 2
    assert {key[1] for key in told if key[0] == "incenta_task_period_seconds"} == {
        line["task"] for line in celery.conf.beat_schedule.values()
    }


def test_events_that_wait_and_events_that_are_stuck(himal):
    himal.code(himal.campaign(), "asha")
    Event.objects.update(recorded_at=Now() - timedelta(minutes=10))
    StuckEvent.objects.set_aside(Event.objects.first().pk, ValueError("It is stuck."))
    told = figures()

    assert told[("incenta_events_undispatched",)] == Event.objects.count() > 0
    assert 600 <= told[("incenta_events_oldest_undispatched_seconds",)] < 700
    assert told[("incenta_events_stuck",)] == 1


def test_a_restored_database_whose_feed_was_not_moved_on(client, himal):
    himal.code(himal.campaign(), "asha")
    Event.objects.update(position=F("position") + 1_000_000_000)

    assert figures()[("incenta_feed_behind",)] == 1
    assert client.get("/readyz").json()["checks"]["feed"] == {"ok": False}


def test_ledgers_that_drift_and_how_long_ago_they_were_recounted(himal, monkeypatch):
    assert figures()[("incenta_ledger_check_age_seconds",)] < 60, "an installation of today needs no recount yet"
    drift = [{"check": "available", "id": "wal_1", "asset": "COIN", "expected": 1, "found": 2}]
    monkeypatch.setattr(ledger, "verify", lambda app: {"ok": app != himal.app, "drift": drift, "totals": {}})
    verify_ledgers()
    LedgerCheck.objects.update(checked_at=timezone.now() - timedelta(days=3))
    told = figures()

    assert told[("incenta_ledgers_drifting",)] == 1
    assert told[("incenta_ledger_check_age_seconds",)] > 2 * 86_400


def test_a_pending_migration():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'events' AND name = '0001_initial'")

    assert figures()[("incenta_migrations_pending",)] == 1


def test_the_calls_of_today(himal):
    from incenta.api.models import CallDay

    today = timezone.now().date()
    CallDay.objects.create(app=himal.app, day=today, endpoint="GET /v1/a", calls=10, failed=3, limited=2)
    CallDay.objects.create(app=himal.app, day=today, endpoint="GET /v1/b", calls=1)
    CallDay.objects.create(app=himal.app, day=today - timedelta(days=1), endpoint="GET /v1/a", calls=99, failed=99)
    told = figures()

    assert [told["incenta_api_calls_total", each] for each in ("answered", "failed", "limited")] == [8, 3, 2]


def test_events_that_are_not_as_promised_are_counted_wherever_they_are_dispatched(himal, settings, monkeypatch):
    settings.EVENT_CHECK = "sample"
    monkeypatch.setattr(checking, "ONE_OF", 1)
    monkeypatch.setattr(checking.sample, "__kwdefaults__", {"one_of": 1})
    himal.code(himal.campaign(), "asha")
    Event.objects.filter(type="REFERRAL_CREATED").update(data={"referrerId": 7})
    dispatch.dispatch({})

    assert figures()["event_schema_mismatches_total", "REFERRAL_CREATED"] == 1


def test_when_a_task_last_ended_well(monkeypatch):
    monkeypatch.setattr(heartbeat, "_tasks", {"events.dispatch"})
    monkeypatch.setattr(heartbeat, "_written", {})
    monkeypatch.setattr(heartbeat, "EVERY_S", 1e9)
    heartbeat.note(heartbeat.SUCCEEDED, "events.dispatch")
    heartbeat.note(heartbeat.SUCCEEDED, "events.dispatch")  # within the second: written with the next
    heartbeat.note(heartbeat.FAILED, "events.dispatch")
    heartbeat.note(heartbeat.SUCCEEDED, "somebody.elses")
    VitalSign.objects.filter(name=heartbeat.SUCCEEDED).update(at=Now() - timedelta(hours=1))
    told = figures()

    assert told["incenta_task_runs_total", "succeeded", "events.dispatch"] == 1
    assert told["incenta_task_runs_total", "failed", "events.dispatch"] == 1
    assert 3600 <= told["incenta_task_last_success_age_seconds", "events.dispatch"] < 3700
    assert ("incenta_task_last_success_age_seconds", "somebody.elses") not in told
    monkeypatch.setattr(heartbeat, "EVERY_S", -1.0)
    heartbeat.note(heartbeat.SUCCEEDED, "events.dispatch")
    assert figures()["incenta_task_runs_total", "succeeded", "events.dispatch"] == 3


def test_a_sign_only_rises():
    vital_signs.add({("a", "x"): 2, ("a", "y"): 1})
    vital_signs.add({("a", "x"): 3})
    vital_signs.add({})

    assert {sign.label: sign.value for sign in VitalSign.objects.filter(name="a")} == {"x": 5, "y": 1}


# --- the rules and the document --------------------------------------------------------------------------------------
WORDS = {
    *(
        "max",
        "min",
        "sum",
        "by",
        "or",
        "and",
        "unless",
        "absent",
        "increase",
        "up",
        "job",
        "incenta",
        "outcome",
        "task",
    ),
    *("type", "result", "failed", "answered", "delivered"),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_speaks_of_metrics_that_there_are(rule):
    said = re.sub(r"\[\d+[smhd]\]|\b\d[\d.]*\b", "", rule["expr"])
    unknown = set(re.findall(r"[a-zA-Z_][\w:]*", said)) - names() - WORDS
    assert not unknown
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"] and rule["annotations"]["action"]


def test_prometheus_is_told_to_ask_as_the_rules_and_the_door_expect(client, settings):
    text = (DOCS.parent / "operate-monitoring.md").read_text()
    told = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])
    [job] = told["scrape_configs"]
    assert all(f'job="{job["job_name"]}"' in rule["expr"] for rule in RULES if "up{" in rule["expr"])
    assert [(DOCS / file).exists() for file in told["rule_files"]] == [True]
    settings.METRICS_TOKEN = job["authorization"]["credentials"]
    asked = {"Authorization": f"Bearer {settings.METRICS_TOKEN}", "X-Forwarded-For": "203.0.113.9"}
    assert client.get("/metrics", headers=asked).status_code == 200
    assert client.get("/metrics", headers=asked | {"Authorization": "Bearer x"}).status_code == 404


def test_no_two_alerts_are_called_the_same():
    called = [rule["alert"] for rule in RULES]
    assert len(called) == len(set(called))


def test_the_document_has_every_metric_and_every_alert_and_no_other():
    text = (Path(settings.BASE_DIR) / "docs" / "operate-monitoring.md").read_text()
    documented = set(re.findall(r"^\| `([a-z_]+)[`{]", text, re.MULTILINE))
    assert documented == names() - {"webhook_latency_seconds_count", "webhook_latency_seconds_sum"}
    assert set(re.findall(r"^\| `([A-Z]\w+)` \|", text, re.MULTILINE)) == {rule["alert"] for rule in RULES}
