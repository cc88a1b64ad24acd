"""What the operator's documents name is there, and the numbers are those of the code."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from fraud import forgetting
from incenta.database import embedded
from incenta.management import settings_reference
from tests import migration_rules
from webhooks import retention

ROOT = Path(settings.BASE_DIR)
FILES = sorted([*(ROOT / "docs").glob("operate*.md"), ROOT / "SECURITY.md"])
TEXT = {file.name: file.read_text() for file in FILES}
EVERYTHING = "\n".join(TEXT.values())


@pytest.mark.parametrize("name", sorted(TEXT))
def test_what_is_named_is_there(name):
    text = TEXT[name]
    for command in re.findall(r"manage\.py ([a-z_]+)", text):
        assert command in get_commands(), command
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    if name != settings_reference.DOCUMENT.name:  # what .env.example names there is its own affair
        for path in re.findall(r"\b(?:docs|tests)/[\w/.*-]+\w", text):
            assert list(ROOT.glob(path)), path
    for unit in re.findall(r"\bincenta-(?:[a-z]+)(?:\.timer)?\b", text):
        file = unit if unit.endswith(".timer") else f"{unit}.service"
        assert (ROOT / "docs" / "operate" / "systemd" / file).exists() or unit == "incenta-drill", unit


def test_every_file_to_operate_with_is_told_of():
    for file in (ROOT / "docs" / "operate").iterdir():
        assert f"docs/operate/{file.name}" in EVERYTHING or file.name == "granian-log.json", file.name
    for file in (ROOT / "docs").glob("operate-*.md"):
        assert f"]({file.name})" in TEXT["operate.md"], file.name


def test_what_is_kept_for_how_long():
    kept = TEXT["operate-monitoring.md"]
    assert settings.REQUEST_LOG_KEEP_DAYS == 30 and "| 30 days, `INCENTA_REQUEST_LOG_DAYS` |" in kept
    assert f"| {settings.IDEMPOTENCY_KEEP_HOURS} hours |" in kept
    assert f"| {retention.KEPT_DELIVERED_DAYS} days delivered, {retention.KEPT_DAYS} days not delivered |" in kept
    assert f"| {forgetting.AFTER.days} days; hashes stay |" in kept


def test_every_rule_of_migrations_has_its_line():
    text = TEXT["operate-migrations.md"]
    assert migration_rules.BASELINE.name in text
    for said in ("AddIndexConcurrently", "AddConstraintNotValid", "ValidateConstraint", "db_default", "excused"):
        assert said in text


def test_no_document_names_what_its_reader_has_not():
    assert "…DRILL" not in EVERYTHING and "_OUTPUT" not in EVERYTHING, "output that was not put in"
    assert embedded.DATABASE in EVERYTHING
