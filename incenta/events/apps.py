from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "incenta.events"
    label = "events"
    verbose_name = "Events"

    def ready(self) -> None:
        from incenta import events

        from .doorbell import Doorbell

        events.install_doorbell(Doorbell("events.dispatch").ring)
