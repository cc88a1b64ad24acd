"""``manage.py import_events FILE --app APP_ID``: events of the past, or of another system, recorded as if they were sent."""

import sys
import time
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from incenta.accounts.models import App
from incenta.errors import DomainError
from incentives import importing
from incentives.models import EventImport

BAR = 30


class Command(BaseCommand):
    help = (
        "Records the events of a file: CSV whose first line names columns of "
        f"{', '.join(importing.COLUMNS)}, or JSON, an event on each line. "
        "It may be stopped, killed and started again: it goes on where it was."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--app", required=True, help="the app's id, app_…")
        parser.add_argument("--rejects", type=Path, help="where refused lines go, with reasons (FILE.rejects.jsonl)")

    def handle(self, *args, file: Path, app: str, rejects: Path | None, **options):
        found = App.objects.filter(pk=app).select_related("sandbox_of").first()
        if found is None:
            raise CommandError(f"There is no app {app}.")
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        rejects = rejects or file.with_name(file.name + ".rejects.jsonl")
        self.started, self.begun_at, self.is_terminal = time.monotonic(), None, self.stderr.isatty()
        try:
            done = importing.run(found, file, rejects=rejects, told=self.progress)
        except DomainError as refusal:
            raise CommandError(refusal.message) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped. Start it again, and it goes on from here.") from None
        finally:
            if self.is_terminal:
                self.stderr.write("")
        if self.begun_at is None:
            self.stdout.write(f"{file.name} was imported on {done.finished_at:%Y-%m-%d at %H:%M UTC}: nothing to do.")
        self.stdout.write(f"recorded {done.recorded:>12,}")
        self.stdout.write(f"repeated {done.replayed:>12,}  (their keys had been used for the same events)")
        self.stdout.write(f"refused  {done.failed:>12,}" + (f"  (see {rejects})" if done.failed else ""))
        if not done.failed and rejects.exists() and not rejects.stat().st_size:
            rejects.unlink()

    def progress(self, known: EventImport) -> None:
        """Draws the bar, on a terminal."""
        now = time.monotonic()
        if self.begun_at is None:
            self.begun_at = self.started, known.position - 1
        if not self.is_terminal:
            return
        since, position = self.begun_at
        part = known.position / known.size if known.size else 1.0
        rate = (known.position - position) / max(now - since, 0.001)
        left = (known.size - known.position) / rate if rate > 0 else 0
        bar = ("█" * round(part * BAR)).ljust(BAR, "░")
        told = f"\r{bar} {part:4.0%}  {known.line:,} lines, {left // 60:.0f}:{left % 60:02.0f} left"
        print(told.ljust(78), end="", file=sys.stderr, flush=True)
