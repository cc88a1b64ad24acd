from django.apps import AppConfig


class FraudConfig(AppConfig):
    name = "fraud"
    label = "fraud"
    verbose_name = "Fraud"

    def ready(self) -> None:
        from incenta.accounts import test_clock

        from . import deadlines, people, rescoring
        from .dashboard import audit, overview, person, search

        people.tell()
        test_clock.sweep_with(rescoring.run, place=1, next=rescoring.next_due)
        test_clock.sweep_with(deadlines.decide_due_cases, place=2, next=deadlines.next_due)
        audit.register()
        overview.register()
        person.register()
        search.register()
