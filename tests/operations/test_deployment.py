"""The files that production is started from agree with each other, with the settings, and with the tools that read them."""

import json
import logging.config
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

from incenta.celery import QUEUES
from tests.faults.operations.units import UNITS
from tests.operations.test_settings_reference import explained

ROOT = Path(settings.BASE_DIR)
OPERATE = ROOT / "docs" / "operate"
COMPOSE = yaml.safe_load((OPERATE / "compose.yaml").read_text())
SERVICES = sorted(UNITS.glob("*.service"))
PYTHON = "/opt/incenta/.venv/bin/python"


def started_by(unit: str) -> str:
    """What it runs, without the Python that runs it."""
    [line] = re.findall(r"^ExecStart=(.+)$", (UNITS / f"{unit}.service").read_text(), re.MULTILINE)
    return line.removeprefix(f"{PYTHON} ").removeprefix("-m ").replace("%%", "%")


def test_containers_run_what_units_run():
    for service, unit in (("worker", "worker"), ("webhooks", "webhooks"), ("beat", "beat"), ("pump", "pump")):
        command = COMPOSE["services"][service]["command"].removeprefix("python ")
        assert command == started_by(f"incenta-{unit}"), service
    [command] = re.findall(r"^CMD (\[.+\])$", (OPERATE / "Dockerfile").read_text(), re.MULTILINE)
    words = " ".join(json.loads(command)).removeprefix("python -m ")
    web = {"INCENTA_BIND_ADDRESS": "0.0.0.0", "PORT": "8000", "INCENTA_WEB_WORKERS": "2", "INCENTA_WEB_THREADS": "4"}
    assert words == re.sub(r"\$\{(\w+)\}", lambda found: web[found[1]], started_by("incenta-web"))


def test_an_image_takes_along_nothing_that_is_a_clones_own():
    """A ``.env`` that make has written would have production in development's settings, and ``incenta.env`` has secrets."""
    kept_out = {line.removeprefix("**/") for line in (ROOT / ".dockerignore").read_text().splitlines()}
    for pattern in (ROOT / ".gitignore").read_text().split():
        assert pattern.strip("/") in kept_out, pattern
    assert {".git", ".env", ".venv", "incenta.env"} <= kept_out
    assert "COPY . .\n" in (OPERATE / "Dockerfile").read_text()


def test_the_readme_starts_what_the_units_start():
    [block] = re.findall(r"```\n(python manage\.py migrate.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    first, *processes = block.strip().splitlines()
    before = re.findall(
        r"^ExecStart=.* manage\.py (\w+)", (UNITS / "incenta-migrate.service").read_text(), re.MULTILINE
    )
    assert set(re.findall(r"manage\.py (\w+)", first)) == set(before) - {"check"}
    units = ("web", "worker", "webhooks", "beat")
    for said, unit in zip(processes, units, strict=True):
        words, runs = said.removeprefix("python -m ").split(), iter(started_by(f"incenta-{unit}").split())
        for word in words:  # in the same order; the unit may say more, and take a number from its settings
            assert any(word == each or (word.isdigit() and each.startswith("${")) for each in runs), (said, word)


@pytest.mark.django_db
def test_the_document_shows_what_readyz_answers(client):
    [shown] = re.findall(r"/readyz\n(\{.*\})$", (ROOT / "docs" / "operate.md").read_text(), re.MULTILINE)
    told = client.get("/readyz").json()
    assert {name: set(check) for name, check in json.loads(shown)["checks"].items()} == {
        name: set(check) for name, check in told["checks"].items()
    }


def test_every_queue_has_a_worker_and_there_is_one_beat():
    consumed = {queue for queue in QUEUES for unit in SERVICES if f"--queues {queue} " in unit.read_text()}
    assert consumed == set(QUEUES)
    beats = [name for name, each in COMPOSE["services"].items() if "incenta beat" in str(each.get("command", ""))]
    assert beats == ["beat"] and "deploy" not in COMPOSE["services"]["beat"]
    assert COMPOSE["services"]["beat"]["volumes"], "its schedule file outlives it"


def test_what_is_set_is_a_setting():
    known = set(explained()) | {"PGOPTIONS"}
    for name, service in COMPOSE["services"].items():
        if service["image"] == "incenta":
            assert set(service["environment"]) <= known, name
            assert service["env_file"] == ["incenta.env"]
    for unit in SERVICES:
        text = unit.read_text()
        assert set(re.findall(r"\$\{(\w+)\}", text)) | set(re.findall(r'^Environment="?(\w+)=', text, re.M)) <= known, (
            unit
        )


def test_what_must_start_first_does():
    services = COMPOSE["services"]
    for name in ("web", "worker", "webhooks", "beat", "pump"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert all("healthcheck" in services[name] for name in ("postgres", "rabbitmq", "web"))
    used = {volume.partition(":")[0] for each in services.values() for volume in each.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_a_unit_runs_a_command_that_there_is_and_as_nobody_special(unit):
    text = unit.read_text()
    for command in re.findall(r"manage\.py ([a-z_]+)", text):
        assert command in get_commands(), command
    for wanted in ("User=incenta", "NoNewPrivileges=true", "ProtectSystem=strict", "EnvironmentFile=/etc/incenta/"):
        assert wanted in text, wanted
    if "Type=exec" in text:
        assert "Restart=always" in text and "KillMode=mixed" in text, "children are told by their parent"


def test_systemd_has_nothing_to_say(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed.")
    for file in UNITS.iterdir():
        text = (
            file.read_text()
            .replace(PYTHON, "/bin/true")
            .replace("/opt/incenta", "/")
            .replace("=incenta\n", "=daemon\n")
        )
        (tmp_path / file.name).write_text(text.replace("StateDirectory=daemon", "StateDirectory=incenta"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(map(str, tmp_path.iterdir()))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "incenta" in line]
    assert done.returncode == 0 and not said, done.stderr


def test_the_web_servers_own_lines_are_json_too():
    from granian.log import LOGGING_CONFIG

    config = {**LOGGING_CONFIG, **json.loads((OPERATE / "granian-log.json").read_text())}
    assert set(config["formatters"]) == set(LOGGING_CONFIG["formatters"])
    formatter = logging.config.DictConfigurator(config).configure_formatter(config["formatters"]["generic"])
    line = formatter.format(logging.LogRecord("_granian", logging.INFO, __file__, 1, "Starting", (), None))
    assert json.loads(line)["message"] == "Starting"
