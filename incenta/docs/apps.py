from django.apps import AppConfig


class DocsConfig(AppConfig):
    name = "incenta.docs"
    label = "docs"
    verbose_name = "Docs"

    def ready(self) -> None:
        from . import box

        box.register()
