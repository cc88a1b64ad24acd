from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "incenta.events"
    label = "events"
    verbose_name = "Events"
