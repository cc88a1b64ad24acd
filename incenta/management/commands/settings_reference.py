"""``manage.py settings_reference``: the page of settings; with ``--write`` into ``docs/operate-settings.md``."""

from django.core.management.base import BaseCommand

from incenta.management import settings_reference


class Command(BaseCommand):
    help = "Prints every setting, from .env.example; --write puts the page into docs/operate-settings.md."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser):
        parser.add_argument("--write", action="store_true")

    def handle(self, *args, write: bool, **options):
        if not write:
            self.stdout.write(settings_reference.markdown())
            return
        settings_reference.DOCUMENT.write_text(settings_reference.markdown())
        self.stdout.write(f"{settings_reference.DOCUMENT.name} is up to date.")
