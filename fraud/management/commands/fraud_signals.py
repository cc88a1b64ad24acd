"""``manage.py fraud_signals``: the table of signals; with ``--write`` into ``docs/fraud.md``."""

from django.core.management.base import BaseCommand

from fraud import signal_table


class Command(BaseCommand):
    help = "Prints every signal with its points and what it means; --write puts the table into docs/fraud.md."

    def add_arguments(self, parser):
        parser.add_argument("--write", action="store_true")

    def handle(self, *args, write: bool, **options):
        if not write:
            self.stdout.write(signal_table.markdown())
            return
        text = signal_table.DOCUMENT.read_text()
        signal_table.DOCUMENT.write_text(signal_table.put_into(text))
        self.stdout.write(f"{signal_table.DOCUMENT.name} is up to date.")
