"""The WSGI application that granian serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.db.backends.base.base import BaseDatabaseWrapper

from incenta import lifeline

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "incenta.settings")
application = get_wsgi_application()

from incenta.api import request_log  # noqa: E402 - needs the apps

request_log.start()
if lifeline.is_supervised():
    lifeline.watch_parent()
# Under DEBUG Django writes down every statement with its values, for a debugger that we do not have: a fifth of a request.
BaseDatabaseWrapper.queries_logged = property(lambda self: self.force_debug_cursor)  # type: ignore[assignment]
# What is loaded by now stays for good; looking through it again and again cost a seventh of a small request.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
