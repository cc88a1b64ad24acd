"""A wrong setting stops the start and says why."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "a-key-that-somebody-made-0123456789-abcdefghijklmnop",
    "INCENTA_BASE_URL": "https://rewards.example.com",
    "ALLOWED_HOSTS": "rewards.example.com",
    "DATABASE_URL": "postgresql://incenta@db.example.com/incenta",
    "INCENTA_ALLOW_PRIVATE_WEBHOOKS": "false",
    "INCENTA_DISPOSABLE_DATABASE": "false",
}


def load(tmp_path, show: str = "''", **environment: str) -> subprocess.CompletedProcess:
    """Imports the settings in a process of their own and prints the expression ``show``."""
    return subprocess.run(
        [sys.executable, "-c", f"from incenta import settings as s; print({show})"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "INCENTA_DATA_DIR": str(tmp_path / "data")} | PRODUCTION | environment,
        capture_output=True,
        text=True,
    )


def test_production_starts_with_what_it_must_be_told(tmp_path):
    done = load(tmp_path, show="s.DEBUG, s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_SECURE")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False True True"


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY must be set"),
        ({"INCENTA_BASE_URL": ""}, "INCENTA_BASE_URL must be set"),
        ({"INCENTA_ALLOW_PRIVATE_WEBHOOKS": "true"}, "INCENTA_ALLOW_PRIVATE_WEBHOOKS is for development"),
        ({"DATABASE_URL": "sqlite:///incenta.db"}, "DATABASE_URL must name a PostgreSQL database"),
        ({"PORT": "eighty"}, "invalid literal"),
        ({"DEBUG": "perhaps"}, "DEBUG must be true or false"),
        ({"SECRET_KEY_FALLBACKS": "the-former-key"}, "INCENTA_FRAUD_SECRET is not set"),
        ({"LOG_FORMAT": "yaml"}, "LOG_FORMAT must be json or plain"),
        ({"DATABASE_URL": "", "DATABASE_POOLED": "true"}, "are for the database that DATABASE_URL names"),
        (
            {"INCENTA_QUORUM_QUEUES": "true", "CELERY_BROKER_URL": "redis://host/0"},
            "INCENTA_QUORUM_QUEUES needs RabbitMQ",
        ),
    ],
)
def test_a_wrong_value_is_refused(tmp_path, environment, complaint):
    done = load(tmp_path, **environment)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert not (tmp_path / "data").exists()


def test_development_makes_its_secret_key_once_and_keeps_it_to_itself(tmp_path):
    first, second = (load(tmp_path, show="s.SECRET_KEY", DEBUG="true", SECRET_KEY="").stdout.strip() for _ in range(2))
    assert first == second
    assert len(first) >= 50
    assert stat.S_IMODE((tmp_path / "data" / "secret_key").stat().st_mode) == 0o600


def test_a_database_behind_a_socket_can_be_named(tmp_path):
    done = load(
        tmp_path, show="s.DATABASES['default']", DATABASE_URL="postgresql://postgres:@/incenta?host=/run/postgresql"
    )
    assert "'host': '/run/postgresql'" in done.stdout
    assert "'NAME': 'incenta'" in done.stdout


def test_reading_the_settings_starts_no_database(tmp_path):
    done = load(tmp_path, show="s.DATABASES['default']['ENGINE']", DATABASE_URL="")
    assert done.stdout.strip() == "incenta.database"
    assert not (tmp_path / "data" / "postgres").exists()


def test_behind_a_pooler_nothing_is_left_in_a_session(tmp_path):
    replica = {"DATABASE_REPLICA_URL": "postgresql://incenta@replica.example.com/incenta"}
    show = (
        "[(d['OPTIONS']['prepare_threshold'], d['DISABLE_SERVER_SIDE_CURSORS'], d['OPTIONS']['server_side_binding']) "
        "for d in s.DATABASES.values()]"
    )
    alone, pooled = load(tmp_path, show), load(tmp_path, show, DATABASE_POOLED="true", **replica)
    assert alone.stdout.strip() == "[(2, False, True)]", alone.stderr
    assert pooled.stdout.strip() == "[(None, True, True), (None, True, True)]", pooled.stderr


def test_queues_are_quorum_queues_where_it_is_asked(tmp_path):
    show = "[q.queue_arguments for q in __import__('incenta.celery').celery.app.amqp.queues.values()]"
    rabbitmq = {"CELERY_BROKER_URL": "amqp://guest@broker.example.com//"}
    classic, quorum = load(tmp_path, show, **rabbitmq), load(tmp_path, show, **rabbitmq, INCENTA_QUORUM_QUEUES="true")
    assert classic.stdout.strip() == "[None, None]", classic.stderr
    assert quorum.stdout.strip() == str([{"x-queue-type": "quorum"}] * 2), quorum.stderr
