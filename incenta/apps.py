from django.apps import AppConfig
from django.db.backends.base.base import BaseDatabaseWrapper


class IncentaConfig(AppConfig):
    name = "incenta"
    label = "incenta"
    verbose_name = "Incenta"

    def ready(self) -> None:
        from incenta import celery  # noqa: F401 - whoever rings a task rings this app's

        # Under DEBUG Django writes down every statement with its values, for a debugger that we do not have: it takes a
        # fifth of a request. Tests that count statements ask for it by force_debug_cursor.
        BaseDatabaseWrapper.queries_logged = property(lambda self: self.force_debug_cursor)
