from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        from . import people
        from .dashboard import first_run, overview, own_ids, search, told

        people.tell()
        overview.register()
        own_ids.register()
        told.register()
        search.register()
        first_run.register()
