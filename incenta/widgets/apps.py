from django.apps import AppConfig


class WidgetsConfig(AppConfig):
    name = "incenta.widgets"
    label = "widgets"
    verbose_name = "Widgets"
