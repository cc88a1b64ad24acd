"""``manage.py restore_drill``: proves a backup by restoring it, beside the running product."""

import secrets
import tempfile
import time
from pathlib import Path

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from incenta.database import sql
from incenta.management import backups

from .restore import restored


class Command(BaseCommand):
    help = (
        "Restores a dump (FILE, or a fresh one) into a new database on the same server, compares it with what was dumped, "
        "recounts every ledger, looks whether the feed goes forward, and drops the database again. For a timer: it fails loudly."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, nargs="?", help="the dump; without it one is made for the drill")

    def handle(self, *args, file: Path | None, **options):
        with tempfile.TemporaryDirectory(prefix="incenta-drill-") as folder:
            if file is None:
                file = Path(folder) / "drill.dump"
                started = time.monotonic()
                call_command("backup", str(file), stdout=self.stdout)
                self.stdout.write(f"dumped      in {time.monotonic() - started:.1f} s")
            with backups.in_fresh_database(f"incenta_drill_{secrets.token_hex(4)}"):
                settled = restored(file, self.stdout.write)
                next_place = sql.row("SELECT incenta_feed_position()")[0]
                if not settled.ok:
                    raise CommandError("The restored database is not what was dumped.")
                if next_place <= settled.feed.last:
                    raise CommandError(f"The feed would go backwards: {next_place} after {settled.feed.last}.")
        self.stdout.write("ok: this backup can be relied on.")
