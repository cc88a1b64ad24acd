from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "incenta.api"
    label = "api"
    verbose_name = "API"
