"""``python -m tests.migrations``: fails where the models say what no migration says. Opens no database."""

import os
import sys

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
    django.setup()
    sys.exit(call_command("makemigrations", check=True, dry_run=True))
