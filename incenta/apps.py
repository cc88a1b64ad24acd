from django.apps import AppConfig


class IncentaConfig(AppConfig):
    name = "incenta"
    label = "incenta"
    verbose_name = "Incenta"
