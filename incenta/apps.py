from django.apps import AppConfig


class IncentaConfig(AppConfig):
    name = "incenta"
    label = "incenta"
    verbose_name = "Incenta"

    def ready(self) -> None:
        from incenta import celery  # noqa: F401 - whoever rings a task rings this app's
