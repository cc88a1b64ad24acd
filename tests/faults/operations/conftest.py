"""An installation in production settings, started from systemd's units as they stand in the documents."""

import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.db import connection

from incenta.database import programs
from incenta.database.embedded import Cluster
from tests.faults.installation import until
from tests.faults.operations.units import ROOT, Service, run_once
from tests.ports import free_port

MERCHANT = """
from django.db import transaction
from incenta.accounts import create_merchant
from incenta.accounts.models import ApiKey, App, User
with transaction.atomic():
    user = User.objects.create_user("asha@example.com", "correct horse battery", name="Asha")
    merchant = create_merchant(user, "Himal", app_name="Himal Shop")
    app = App.objects.get(merchant=merchant, sandbox_of=None)
    print(ApiKey.objects.issue(app, "Backend")[1])
"""


class Production:
    """Web, worker, webhooks and beat, on a database and in a folder of their own."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder, self.cluster = folder, cluster
        self.port = free_port()
        self.services: list[Service] = []
        self.key = ""
        self.token = secrets.token_urlsafe(24)
        (folder / "data").mkdir(exist_ok=True)
        kept = ("PATH", "HOME", "LANG", "LC_ALL", "COVERAGE_PROCESS_START")
        self.environment = (
            {name: os.environ[name] for name in kept if name in os.environ}
            | {
                "SECRET_KEY": secrets.token_urlsafe(48),
                "INCENTA_BASE_URL": "https://rewards.example.com",
                "ALLOWED_HOSTS": "rewards.example.com",
                "DATABASE_URL": self.url(cluster),
                "CELERY_BROKER_URL": "filesystem://",
                "INCENTA_DATA_DIR": str(folder / "data"),
                "INCENTA_BEHIND_PROXY": "true",
                "INCENTA_BIND_ADDRESS": "127.0.0.1",
                "PORT": str(self.port),
                "INCENTA_WEB_WORKERS": "1",
                "INCENTA_WEB_THREADS": "2",
                "INCENTA_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
                "INCENTA_FRAUD_SECRET": secrets.token_urlsafe(24),
                "METRICS_TOKEN": self.token,
                "PYTHONWARNINGS": "ignore",  # Celery warns of root, as whom CI runs; production's units have a user of their own
                # compressing takes a minute, and has tests of its own
                "STATICFILES_BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
                # a clone's .env is for development, and the environment wins
                "DEBUG": "false",
                "INCENTA_ALLOW_PRIVATE_WEBHOOKS": "false",
                "INCENTA_DISPOSABLE_DATABASE": "false",
            }
        )

    @staticmethod
    def url(cluster: Cluster, name: str | None = None) -> str:
        return f"postgresql://postgres@/{name or cluster.database}?host={quote(str(cluster.socket_dir), safe='')}"

    def manage(self, *arguments: str, fails: bool = False, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment | environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def prepare(self) -> str:
        said = run_once("incenta-migrate", self.environment)
        self.key = self.manage("shell", "--no-imports", "--command", MERCHANT).split()[-1]
        return said

    def start(self, *units: str) -> None:
        for unit in units:
            self.services.append(Service(unit, self.environment, self.folder / f"{unit}.log"))
        if "incenta-web" in units:
            until(lambda: self.ask("/healthz")[0] == 200, "web answers")

    def stop(self) -> dict[str, int]:
        ended = {service.unit: service.stop() for service in self.services}
        self.services = []
        return ended

    def kill(self) -> None:
        for service in self.services:
            service.kill()
        self.services = []

    def log(self, unit: str) -> list[dict]:
        """What it said, each line of which must be JSON, but for Celery's own farewell."""
        lines = (self.folder / f"{unit}.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.strip() and not line.startswith("worker: ")]

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        """As the proxy in front would: it ends TLS and says so."""
        sent = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "Host": "rewards.example.com"} | headers
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, sent)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError as error:
            return 0, str(error).encode()

    def call(self, path: str, body: object = None) -> dict:
        status, answer = self.ask(f"/v1{path}", body, **{"x-api-key": self.key})
        assert status in (200, 201), (status, answer)
        return json.loads(answer)

    def rows(self, statement: str, cluster: Cluster | None = None) -> list[tuple]:
        with psycopg.connect(self.url(cluster or self.cluster), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def campaign(self) -> str:
        rules = {"rewardModel": "FIXED", "rewardValue": 5, "fulfillmentType": "COINS", "firstTimeUserOnly": False}
        return self.call("/campaigns", {"name": "Friends", "status": "ACTIVE", "currency": "USD"} | rules)["id"]

    def convert(self, code: str, friends: range) -> None:
        for number in friends:
            self.call("/conversions", {"referralCode": code, "refereeId": f"friend-{number}", "amount": 20})

    def events(self, after: str = "") -> list[str]:
        """The feed to its end, as who follows it reads it."""
        found: list[str] = []
        while True:
            page = self.call(f"/events?limit=100{'&after=' + after if after else ''}")
            found += [event["id"] for event in page["events"]]
            if not page["pagination"]["hasMore"]:
                return found
            after = found[-1]

    def all_events(self) -> list[str]:
        """The feed, once it holds every event there is."""
        there = self.rows("SELECT count(*) FROM events_event WHERE app_id = (SELECT min(app_id) FROM events_event)")[0][
            0
        ]
        until(lambda: len(self.events()) >= there, "the feed has caught up")
        return self.events()


@pytest.fixture(scope="module")
def production(tmp_path_factory, django_db_setup) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp("production")
    cluster = Cluster(folder / "postgres")  # not a disposable one: what it has confirmed must be there
    cluster.ensure_running()
    # the tests' own database has had its migrations: a copy spares two hundred of them
    copy = str(folder / "migrated.dump")
    programs.run(programs.find("pg_dump", 18), "--format=custom", f"--file={copy}", database=connection.settings_dict)
    here = {"HOST": str(cluster.socket_dir), "PORT": "5432", "USER": "postgres", "NAME": cluster.database}
    programs.run(
        programs.find("pg_restore", 18), "--single-transaction", f"--dbname={cluster.database}", copy, database=here
    )
    made = Production(folder, cluster)
    made.said_by_migrate = made.prepare()
    try:
        yield made
    finally:
        made.kill()
        for running in {cluster, made.cluster}:
            running.stop()
