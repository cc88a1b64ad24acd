from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "incenta.api"
    label = "api"
    verbose_name = "API"

    def ready(self) -> None:
        from incenta.api import addresses  # noqa: F401 - every URLconf may use its converters

        from .dashboard import search

        search.register()
