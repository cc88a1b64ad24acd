"""PostgreSQL's own programs (pg_dump, pg_restore, …), of a release that fits the server, and how they reach our database."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from incenta.database import embedded


class ProgramMissing(RuntimeError):
    """There is no program of this name that fits the server."""


def find(name: str, at_least: int) -> Path:
    """The oldest ``name`` whose major release is at least ``at_least`` (the server's): a newer pg_dump reads an older server, and
    not the other way round. Looks along the path, in Debian's folders and in the embedded server. Raises ``ProgramMissing``."""
    found: dict[int, Path] = {}
    places = [shutil.which(name), *sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    with suppress(embedded.DatabaseDidNotStart):  # it is not installed here
        places.append(embedded.programs() / name)
    for place in filter(None, map(Path, filter(None, places))):
        if place.exists() and (release := release_of(place)) >= at_least:
            found.setdefault(release, place)
    if not found:
        raise ProgramMissing(
            f"There is no {name} of PostgreSQL {at_least} or newer here. On Debian: postgresql-client."
        )
    return found[min(found)]


def release_of(program: Path) -> int:
    """Its major release; 0 where it does not say."""
    told = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False).stdout
    numbers = re.search(r"(\d+)", told)
    return int(numbers[1]) if numbers else 0


def run(program: Path, *arguments: str, database: Mapping[str, Any], name: str | None = None) -> None:
    """Runs it against a database of Django's settings (or another one, ``name``, on its server).

    The password goes by the environment: what stands on the command line, everybody on the machine may read.
    Raises ``subprocess.CalledProcessError`` with what it said in ``stderr``.
    """
    where = {
        "PGHOST": database.get("HOST") or database.get("OPTIONS", {}).get("host", ""),
        "PGPORT": str(database.get("PORT") or ""),
        "PGUSER": database.get("USER", ""),
        "PGPASSWORD": database.get("PASSWORD", ""),
        "PGDATABASE": name or database["NAME"],
        "PGSSLMODE": database.get("OPTIONS", {}).get("sslmode", ""),
        "PGSSLROOTCERT": database.get("OPTIONS", {}).get("sslrootcert", ""),
    }
    environment = os.environ | {variable: value for variable, value in where.items() if value}
    done = subprocess.run(
        [str(program), *arguments], env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, program.name, stderr=done.stderr.strip()[-2000:])
