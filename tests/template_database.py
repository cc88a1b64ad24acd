"""The migrations run once for each set of them: what they make is kept in the tests' own cluster, and every worker of every
run copies it (``CREATE DATABASE … TEMPLATE``).

Only the embedded cluster keeps one. On somebody's own server (``DATABASE_URL``) nothing is left behind: each worker migrates.
"""

import hashlib
import importlib.util
import re
import secrets
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection

PREFIX = "incenta_template_"
KEPT = 3
"""So many templates stay, the newest: who works on two branches waits for neither."""
LOCK = 0x1CE27A
"""PostgreSQL's advisory lock of whoever builds: it goes with its holder's connection, however that ends."""


def digest() -> str:
    """Names the set of migrations: what they say, what of ours they import, and which releases bring the others."""
    told = hashlib.sha256((Path(settings.BASE_DIR) / "requirements.txt").read_bytes())
    for app in apps.get_app_configs():
        for path in sorted((Path(app.path) / "migrations").rglob("*")):
            if path.suffix in {".py", ".sql"}:
                text = path.read_bytes()
                told.update(f"\0{app.label}/{path.name}\0".encode() + text)
                for name in re.findall(rb"^(?:import|from) (incenta\.[\w.]+)", text, re.MULTILINE):
                    told.update(Path(importlib.util.find_spec(name.decode()).origin).read_bytes())
    return told.hexdigest()[:16]


def ensure() -> str:
    """The name of a database in which every migration has run. One of several that ask at once makes it."""
    name = PREFIX + digest()
    with connection._nodb_cursor() as server:  # Django's way to a server whose database is not there yet
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY oid", [PREFIX])
        found = [row[0] for row in server.fetchall()]
        if name not in found:
            finished = [each for each in found if not each.endswith("_new")]
            abandoned = [
                each for each in found if each.endswith("_new")
            ]  # whoever made it was killed: we have the lock
            for old in abandoned + finished[: 1 - KEPT]:
                server.execute(f'DROP DATABASE "{old}" WITH (FORCE)')
            new = f"{name}_{secrets.token_hex(3)}_new"
            server.execute(f'CREATE DATABASE "{new}"')
            migrate(new)
            server.execute(
                f'ALTER DATABASE "{new}" WITH ALLOW_CONNECTIONS false'
            )  # a guest would be in the way of copying
            server.execute(f'ALTER DATABASE "{new}" RENAME TO "{name}"')
    return name


def migrate(name: str) -> None:
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
