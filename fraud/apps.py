from django.apps import AppConfig


class FraudConfig(AppConfig):
    name = "fraud"
    label = "fraud"
    verbose_name = "Fraud"

    def ready(self) -> None:
        from . import people
        from .dashboard import person

        people.tell()
        person.register()
