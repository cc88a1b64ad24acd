"""The house keeps its shape: who may import whom, what a module may be called, how a table begins.

Reads code; opens no database.
"""

import ast
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cryptography.fernet import Fernet
from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.urls import URLPattern, URLResolver, get_resolver

from incenta.api.views import ApiView
from incenta.ids import PREFIXES, IdField

ROOT = Path(settings.BASE_DIR)
ROOMS = ("incenta", "fraud", "incentives", "referrals", "marketplace", "webhooks")

ROOF = {
    *("settings", "urls", "celery", "subscribers", "wsgi", "asgi", "health", "management", "apps"),
    # what only the roof's own parts need: the supervisor, the broker and the embedded server's keeper
    *("broker", "lifeline", "logs", "metrics", "heartbeat"),
}
GROUND = {
    *(
        "ids",
        "money",
        "clock",
        "codes",
        "code_pool",
        "errors",
        "serializers",
        "database",
        "accounts",
        "events",
        "api",
        "dashboard",
        "widgets",
        "docs",
    ),
    # pure mechanics that know nothing of the product
    *("encryption", "secret_key", "masking"),
}
BELOW = {
    "ground": {"ground"},
    "fraud": {"ground", "fraud"},
    "incentives": {"ground", "fraud", "incentives"},
    "referrals": {"ground", "fraud", "incentives", "referrals"},
    "marketplace": {"ground", "fraud", "incentives", "marketplace"},
    "webhooks": {"ground", "webhooks"},
}
"""Floor -> what may be imported from there. The roof may import everything, and nobody imports the roof."""

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""(file, module) -> why this import may point up. Short, or the house has no shape."""


def floor_of(module: str) -> str | None:
    """The floor of a dotted name; ``None`` for what is not ours."""
    room, _, rest = module.partition(".")
    if room != "incenta":
        return room if room in ROOMS else None
    part = rest.partition(".")[0]
    if not part:
        return "ground"
    if part in ROOF:
        return "roof"
    assert part in GROUND, f"incenta.{part} is new: say in tests/test_house.py whether it is ground or roof."
    return "ground"


@cache
def sources() -> list[tuple[str, str, ast.Module]]:
    """(path from the root, dotted module, syntax tree) of every module of ours."""
    found = []
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            found.append((path, module, ast.parse(file.read_text(), path)))
    return found


def imports_of(module: str, tree: ast.Module, is_package: bool) -> Iterator[tuple[str, int]]:
    """Every module that is imported anywhere in the tree, also inside functions and by ``import_module("…")``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, *([node.module] if node.module else [])])
            # "from incenta import celery" names a module, "from incenta.ids import new_id" does not: both are judged by
            # their first two parts
            yield from ((f"{base}.{name.name}", node.lineno) for name in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == "import_module" and isinstance(node.args[0].value, str):
                yield node.args[0].value, node.lineno


def test_imports_point_downwards():
    wrong, used = [], set()
    for path, module, tree in sources():
        here = floor_of(module)
        if here == "roof":
            continue
        for name, line in imports_of(module, tree, path.endswith("__init__.py")):
            there = floor_of(name)
            if there is None or there in BELOW[here]:
                continue
            exception = (path, ".".join(name.split(".")[:2]))
            if exception in EXCEPTIONS:
                used.add(exception)
                continue
            wrong.append(f"{path}:{line} ({here}) imports {name} ({there})")
    assert not wrong, "An import points up or sideways; an event or a protocol is missing:\n" + "\n".join(wrong)
    assert used == set(EXCEPTIONS), f"No longer needed: {set(EXCEPTIONS) - used}"


def test_nothing_is_imported_from_tests_or_bench():
    wrong = [
        f"{path}:{line} imports {name}"
        for path, module, tree in sources()
        for name, line in imports_of(module, tree, path.endswith("__init__.py"))
        if name.split(".")[0] in ("tests", "bench")
    ]
    assert not wrong, wrong


def test_no_module_is_a_grab_bag():
    forbidden = {"utils", "util", "helpers", "helper", "common", "services", "service", "misc", "managers", "mixins"}
    wrong = [path for path, module, _ in sources() if forbidden & set(module.split("."))]
    assert not wrong, f"Name the noun instead: {wrong}"


LONGEST_FILE = 450


def test_a_file_can_be_read_in_one_sitting():
    long = {
        path: lines
        for path, _, _ in sources()
        if "/migrations/" not in path
        and not path.endswith("/examples.py")  # a table of answers by example, looked up and not read through
        and (lines := len((ROOT / path).read_text().splitlines())) > LONGEST_FILE
    }
    assert not long, f"A file wants to become two nouns: {long}"


# --- tables ----------------------------------------------------------------------------------------------------------
def our_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.split(".")[0] in ROOMS]


ANOTHER_BEGINNING = {
    "transfer_seq": "a wallet is of one app: the second line behind its lock, in the index that also reads its history",
    "webhook_attempt_once": "a delivery is of one app",
    "Lot.transfer": "a transfer is of one app",
    "Referral.slug": "the short link /r/{slug} knows no app: one namespace for the installation",
    "ApiKey.digest": "a key is found before its app is known",
    "ApiKey.created_by": "a person; asked when the person is deleted",
    "audit_entry_of_merchant": "what concerns the merchant and none of its apps",
    "event_undispatched": "the dispatcher takes the events of all apps in the order of their ids",
    "idempotency_record_age": "the purge of all apps",
    "call_day_by_day": "the calls of a day over all apps, for /metrics",
    "webhook_message_age": "the purge of all apps",
    "webhook_delivery_age": "the purge of all apps",
    "webhook_hour_once": "an endpoint is of one app",
    "webhook_hour_age": "the purge of all apps",
    "webhook_replay_running": "the jobs of all apps that are under way",
    "webhook_delivery_expiry": "leases that ran out, of all apps",
    "profile_queue": "the operator's queue: businesses of all apps",
    "Profile.decided_by": "a person; asked when the person is deleted",
    "listing_on_offer": "what is on offer is on offer to the users of all apps",
    "marketplace_code_unique": "begins with an app: the business, at whose counter the code is read",
    "marketplace_redemption_here": "begins with an app: the business, whose list of redemptions it is",
    "marketplace_waits_here": "begins with an app: the business, whose list of redemptions it is",
    "marketplace_of_order": "begins with an app: the business, whose list of redemptions it is",
    "marketplace_redemption_due": "codes of all apps that have run out",
    "case_due": "deadlines of all apps",
    "Case.assignee": "a person; asked when the person is deleted",
    "Decision.user": "a person; asked when the person is deleted",
    "RuleSet.author": "a person; asked when the person is deleted",
    "sighting_to_forget": "raw addresses of all apps that are to be forgotten",
}
"""A key of a tenant's table that may begin with something else than the app, and why."""


def keys_of(model: type[models.Model]) -> Iterator[tuple[str, str, bool]]:
    """(name, first column, is unique) of every unique constraint and index, the primary key apart."""
    meta = model._meta
    for key in [*meta.constraints, *meta.indexes]:
        if isinstance(key, models.UniqueConstraint | models.Index):
            first = key.fields[0].lstrip("-") if key.fields else str(key.expressions[0])
            yield key.name, first, isinstance(key, models.UniqueConstraint)
    for field in meta.local_fields:
        if not field.primary_key and (field.unique or field.db_index) and field.name != "app":
            yield f"{model.__name__}.{field.name}", field.name, field.unique


def is_of_one_app(model: type[models.Model], column: str) -> bool:
    """Whether the column names a row that itself belongs to one app."""
    field = next((field for field in model._meta.local_fields if field.name == column), None)
    return isinstance(field, models.ForeignKey) and "app" in {
        each.name for each in field.related_model._meta.local_fields
    }


def test_keys_of_tenants_rows_begin_with_the_app():
    """So the schema can be distributed by the app, or partitioned, without a rewrite.

    An index that only reads may begin with a row of one app instead.
    """
    wrong, used = [], set()
    for model in our_models():
        if "app" not in {field.name for field in model._meta.local_fields}:
            continue
        for name, first, is_unique in keys_of(model):
            if first in ("app", "app_id") or (not is_unique and is_of_one_app(model, first)):
                continue
            used.add(name)
            if name not in ANOTHER_BEGINNING:
                wrong.append(f"{model._meta.label}: {name} begins with {first}")
    assert not wrong, "Begin with the app, or say here why not:\n" + "\n".join(wrong)
    assert used == set(ANOTHER_BEGINNING), f"No longer needed: {set(ANOTHER_BEGINNING) - used}"


SAME_ID = {
    "incentives.Hold": "opened by a transfer, whose id it bears",
    "webhooks.WebhookMessage": "the frozen body of an event, whose id it bears",
    "marketplace.Redemption": "to a client both are redemptions: of an item of one's own, and at a partner",
}
"""Models that share a prefix with another one, and why."""


def test_what_the_api_names_has_a_prefixed_id():
    """A row that is found by a path's ``…_id`` or shown under ``id`` has a prefix from the one page of prefixes."""
    seen: dict[str, str] = {}
    for model in our_models():
        primary = model._meta.pk
        if isinstance(primary, IdField):
            assert primary.prefix in PREFIXES
            if model._meta.label not in SAME_ID:
                assert primary.prefix not in seen, f"{model._meta.label}, {seen[primary.prefix]}: {primary.prefix}_"
            seen[primary.prefix] = model._meta.label
    promised = {"app", "camp", "ref", "click", "conv", "rew", "whk", "msg", "dlv", "req", "key", "mer", "wal", "trf"}
    assert promised <= set(seen), f"The contract promises these prefixes: {promised - set(seen)}"


HOT = {
    "events.Event", "referrals.Referral", "referrals.Click", "referrals.Conversion", "referrals.Reward",
    "incentives.Transfer", "incentives.Hold", "incentives.Lot",
}  # fmt: skip
"""Tables that a hot request writes: no foreign-key constraints there (they cost a third of the throughput)."""


def test_hot_tables_have_no_foreign_key_constraints():
    wrong = []
    for model in our_models():
        if model._meta.label in HOT:
            for field in model._meta.local_fields:
                if isinstance(field, models.ForeignKey) and field.db_constraint:
                    wrong.append(f"{model._meta.label}.{field.name} has a foreign-key constraint")
    assert {model._meta.label for model in our_models()} >= HOT
    assert not wrong, wrong


# --- addresses -------------------------------------------------------------------------------------------------------
def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, route)
        else:
            yield route, entry


def test_every_address_below_v1_is_an_api_view_on_both_mounts():
    below: dict[str, set[str]] = {"v1/": set(), "api/v1/": set()}
    for route, pattern in routes():
        mount = next((mount for mount in below if route.startswith(mount)), None)
        if mount is None:
            continue
        view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
        assert view is not None and issubclass(view, ApiView), f"{route} has no key, no error shape, no metering."
        assert not route.endswith("/"), f"{route}: written without a slash at the end; the middleware answers both."
        below[mount].add(route.removeprefix(mount))
    assert below["v1/"] and below["v1/"] == below["api/v1/"]


PUBLIC = {"openapi.json"}
"""Addresses below /v1 that need no key."""


def test_what_needs_no_key_is_on_the_list():
    below = {route.removeprefix("v1/"): pattern.callback.cls for route, pattern in routes() if route.startswith("v1/")}
    assert {route for route, view in below.items() if view.public} == PUBLIC


# --- migrations ------------------------------------------------------------------------------------------------------
def test_migrations_are_in_step_with_the_models():
    loader = MigrationLoader(None)
    conflicts = loader.detect_conflicts()
    assert not conflicts, conflicts
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(graph=loader.graph)
    missing = [
        f"{label}: {step.describe()}" for label, made in changes.items() for each in made for step in each.operations
    ]
    assert not missing, f"The models say what no migration says: {missing}"


def test_migrations_have_names_that_say_what_they_do():
    wrong = [path for path, _, _ in sources() if "/migrations/" in path and "_auto_" in path]
    assert not wrong, wrong


# --- production ------------------------------------------------------------------------------------------------------
def test_production_starts_without_a_warning():
    """``incenta-migrate`` refuses to start on one, and development does not ask; no setting of this process reaches it."""
    settings_of_production = {
        "PATH": os.environ["PATH"],
        "DEBUG": "false",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "INCENTA_BASE_URL": "https://rewards.example.com",
        "ALLOWED_HOSTS": "rewards.example.com",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "INCENTA_BEHIND_PROXY": "true",
        "INCENTA_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "INCENTA_FRAUD_SECRET": secrets.token_urlsafe(24),
        "INCENTA_ALLOW_PRIVATE_WEBHOOKS": "false",
        "INCENTA_DISPOSABLE_DATABASE": "false",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT, env=settings_of_production, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
