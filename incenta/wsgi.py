"""The WSGI application that granian serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from incenta import lifeline

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "incenta.settings")
application = get_wsgi_application()

from incenta.api import request_log  # noqa: E402 - needs the apps

request_log.start()
if lifeline.is_supervised():
    lifeline.watch_parent()
# What is loaded by now stays for good; looking through it again and again cost a seventh of a small request.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
