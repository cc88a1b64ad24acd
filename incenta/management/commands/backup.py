"""``manage.py backup FILE``: one file with the whole database."""

import subprocess
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from incenta.database.programs import ProgramMissing
from incenta.management import backups


class Command(BaseCommand):
    help = "Dumps the database to FILE (pg_dump's custom format) and writes what it must hold to FILE.json, while all goes on."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)

    def handle(self, *args, file: Path, **options):
        if file.exists():
            raise CommandError(f"{file} is there already: give every backup a name of its own.")
        try:
            held = backups.dump(file)
        except (ProgramMissing, backups.Pooled) as error:
            raise CommandError(str(error)) from None
        except subprocess.CalledProcessError as error:
            raise CommandError(f"pg_dump failed: {error.stderr}") from None
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
        rows = sum(held["rows"].values())
        self.stdout.write(f"{file}: {held['bytes']:,} bytes, {rows:,} rows in {len(held['rows'])} tables")
