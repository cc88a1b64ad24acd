"""``manage.py restore FILE``: a dump into an empty database, to the point where the product may be started."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from incenta.database.programs import ProgramMissing
from incenta.management import backups, restore_report


class Command(BaseCommand):
    help = (
        "Restores the dump FILE into the database that DATABASE_URL names, which must be empty; migrates it; raises the feed's "
        "offset; recounts every ledger; compares all with FILE.json. Nothing else may be connected."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)

    def handle(self, *args, file: Path, **options):
        if not restored(file, self.stdout.write).ok:
            raise CommandError("This database is not what was dumped: do not start the product on it.")
        self.stdout.write("ok: the product may be started.")


def restored(file: Path, tell: Callable[[str], None]) -> backups.Settled:
    """Restores the dump into the present database, migrates it and settles it, telling what came of it. Raises ``CommandError``."""
    expected = expectation(file)
    started = time.monotonic()
    restore(file, expected)
    call_command("migrate", verbosity=0, interactive=False)
    tell(f"restored    in {time.monotonic() - started:.1f} s")
    settled = backups.settle(expected)
    for line in restore_report.lines(settled):
        tell(line)
    return settled


def expectation(file: Path) -> dict[str, Any] | None:
    """What stands beside the dump; nothing where it was made by another program. Raises ``CommandError``."""
    if not file.is_file():
        raise CommandError(f"There is no file {file}.")
    manifest = backups.manifest_of(file)
    if not manifest.exists():
        return None
    expected = json.loads(manifest.read_text())
    if backups.digest(file) != expected["sha256"]:
        raise CommandError(
            f"{file} is not the file that {manifest.name} was written for: it is damaged, or another one."
        )
    return expected


def restore(file: Path, expected: dict[str, Any] | None) -> None:
    """Raises ``CommandError``."""
    try:
        different = backups.restore(file, expected)
    except backups.NotEmpty as error:
        raise CommandError(f"{error} Make a new one: createdb --template=template0 …") from None
    except (ProgramMissing, backups.Pooled) as error:
        raise CommandError(str(error)) from None
    except subprocess.CalledProcessError as error:
        raise CommandError(f"pg_restore failed: {error.stderr}") from None
    if different:
        raise CommandError("The restored database is not what was dumped: " + "; ".join(different))
