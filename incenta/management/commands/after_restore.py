"""``manage.py after_restore``: what a database needs that was restored by other means, such as to a point in time."""

from django.core.management.base import BaseCommand, CommandError

from incenta.management import backups, restore_report


class Command(BaseCommand):
    help = (
        "After the database was restored by other means than manage.py restore, and before the product is started: raises the "
        "feed's offset where it must be, and recounts every ledger. May be repeated."
    )

    def handle(self, *args, **options):
        settled = backups.settle()
        for line in restore_report.lines(settled):
            self.stdout.write(line)
        if not settled.ok:
            raise CommandError("The ledgers do not add up: look before the product is started on this database.")
        self.stdout.write("ok: the product may be started.")
