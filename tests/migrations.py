"""``python -m tests.migrations``: fails where the models say what no migration says, and where a migration would hold the product
up (``migration_rules.py``). Opens no database."""

import os
import sys

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
    django.setup()

    from tests import migration_rules

    wrong = migration_rules.lint()
    for name, faults in wrong.items():
        print(name, *faults, sep="\n    ", file=sys.stderr)
    if wrong:
        sys.exit("How each is done while the product runs: docs/operate-migrations.md")
    sys.exit(call_command("makemigrations", check=True, dry_run=True))
