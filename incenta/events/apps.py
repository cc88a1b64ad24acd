from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "incenta.events"
    label = "events"
    verbose_name = "Events"

    def ready(self) -> None:
        from incenta import events
        from incenta.accounts import people

        from .doorbell import Doorbell
        from .models import Event

        events.install_doorbell(Doorbell("events.dispatch").ring)
        # the feed tells what happened, in the end without the name; it finds its rows by what they are about
        people.hold(people.Holding("feed", Event, subject="subject_id", named_in=("data",), place=2))
