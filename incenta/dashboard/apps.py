from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "incenta.dashboard"
    label = "dashboard"
    verbose_name = "Dashboard"

    def ready(self) -> None:
        from incenta.accounts import people

        from .saved_views import forget_named

        people.hold(last=forget_named)
