"""No setting is undocumented, none is invented, and the defaults that are shown are those that hold."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

from incenta.management import settings_reference

ROOT = Path(settings.BASE_DIR)
READERS = {"str", "int", "bool", "list", "db", "cache", "email", "float", "url", "json", "dict"}
FOR_TESTS = {"TEST_CELERY_BROKER_URL"}
"""Read by tests/settings.py alone."""
INTERNAL = {
    "DJANGO_SETTINGS_MODULE": "Django's own",
    "INCENTA_SUPERVISED": "said by manage.py up to its children",
    "MAKELEVEL": "said by make",
    "PGCONNECT_TIMEOUT": "libpq's own",
    "PATH": "the system's",
}
"""What code of ours reads or sets besides settings, and why it is no setting."""


def read_by_settings() -> dict[str, object]:
    """Name to its default, where that is a literal."""
    found: dict[str, object] = {}
    for node in ast.walk(ast.parse((ROOT / "incenta" / "settings.py").read_text())):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        called = node.func
        reads = (
            isinstance(called, ast.Attribute) and called.attr in READERS and getattr(called.value, "id", "") == "env"
        )
        if reads or getattr(called, "id", "") == "flag":
            default = next((each.value for each in node.keywords if each.arg == "default"), None)
            value = default.value if isinstance(default, ast.Constant) else None
            found[node.args[0].value] = found.get(node.args[0].value) or value
    return found


def explained() -> dict[str, tuple[str, str]]:
    return {name: (value, words) for group in settings_reference.groups() for name, value, words in group.variables}


def test_what_is_read_and_what_is_explained_are_the_same():
    read = set(read_by_settings())
    assert len(read) > 25
    assert read | FOR_TESTS == set(explained())


def test_each_is_explained_once_in_words_of_its_own():
    named = [name for group in settings_reference.groups() for name, _, _ in group.variables]
    assert len(named) == len(set(named))
    assert all(len(words) > 10 for _, words in explained().values())


@pytest.mark.parametrize("name", sorted(name for name, default in read_by_settings().items() if default))
def test_the_default_that_is_shown_is_the_one_that_holds(name):
    default, shown = read_by_settings()[name], explained()[name][0]
    if "URL" in name or "EMAIL" in name:
        assert shown, "an example"
    else:
        assert shown == str(default).lower() if isinstance(default, bool) else shown == str(default)


def test_nothing_else_reads_the_environment():
    found = set()
    for room in ("incenta", "fraud", "incentives", "referrals", "marketplace", "webhooks"):
        for file in (ROOT / room).rglob("*.py"):
            text = re.sub(r'"""[\s\S]*?"""', "", file.read_text())
            found |= set(re.findall(r'os\.environ(?:\.get|\.setdefault|\.pop)?[\[(]\s*"(\w+)"', text))
            found |= set(re.findall(r'"(\w+)" in os\.environ', text))
    assert found <= set(INTERNAL) | {"INCENTA_KEY"}, "INCENTA_KEY stands in a snippet for a merchant's own server"


def test_the_page_is_up_to_date():
    assert settings_reference.DOCUMENT.read_text() == settings_reference.markdown(), (
        "Run manage.py settings_reference --write"
    )


def test_the_template_of_production_names_settings_that_there_are():
    lines = (ROOT / "docs" / "operate" / "incenta.env").read_text().splitlines()
    named = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert named <= set(explained())
    assert {"SECRET_KEY", "INCENTA_BASE_URL", "ALLOWED_HOSTS", "DATABASE_URL", "CELERY_BROKER_URL"} <= named
