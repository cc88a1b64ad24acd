from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "incenta.dashboard"
    label = "dashboard"
    verbose_name = "Dashboard"
