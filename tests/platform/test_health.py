"""``/healthz`` and ``/readyz`` say what is true."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test import RequestFactory
from django.utils import timezone

from incenta import health
from incenta.celery import app as celery


def test_healthz_asks_nobody(client):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


@pytest.mark.django_db
def test_readyz_is_ready_on_a_whole_installation(client):
    response = client.get("/readyz")
    assert response.status_code == 200, response.content
    assert response.json() == {
        "status": "ok",
        "checks": {
            "database": {"ok": True},
            "migrations": {"ok": True, "pending": []},
            "broker": {"ok": True},
            "events": {"ok": True, "oldestUndispatchedSeconds": 0.0},
            "feed": {"ok": True},
            "ledgers": {"ok": True, "drifting": []},
        },
    }


@pytest.mark.django_db
def test_a_pending_migration_is_named(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'events' AND name = '0001_initial'")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["migrations"] == {"ok": False, "pending": ["events.0001_initial"]}


@pytest.mark.django_db
def test_a_broker_that_is_down_is_seen(client, monkeypatch):
    monkeypatch.setattr(celery, "connection_for_write", lambda: celery.connection("redis://127.0.0.1:1/0"))
    response = client.get("/readyz")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert not checks["broker"]["ok"]
    assert checks["database"]["ok"]


@pytest.mark.django_db
def test_an_event_that_waits_shows_its_age_and_is_no_failure(client, himal):
    from incenta.events.models import Event

    hour_ago = timezone.now() - timedelta(hours=1)
    Event.objects.create(
        app=himal.app, type="referral.created", subject_type="referral", subject_id="ref_1", data={},
        occurred_at=hour_ago, recorded_at=hour_ago,
    )  # fmt: skip
    response = client.get("/readyz")
    assert response.status_code == 200
    assert 3590 < response.json()["checks"]["events"]["oldestUndispatchedSeconds"] < 3700


def test_a_database_that_is_gone_is_seen(django_db_blocker):
    answers = []

    def ask_without_database():
        with django_db_blocker.unblock():
            connection.settings_dict = connection.settings_dict | {"HOST": "/nowhere"}
            answers.append(health.readyz(RequestFactory().get("/readyz")))
            connections.close_all()

    thread = threading.Thread(target=ask_without_database)
    thread.start()
    thread.join()
    assert answers[0].status_code == 503
    assert b"The database does not answer." in answers[0].content
