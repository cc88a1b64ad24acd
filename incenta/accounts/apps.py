from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "incenta.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from . import people
        from .dashboard import search
        from .models import Participant

        people.hold(people.Holding("profile", Participant, ("external_id",), blanked={"username": "", "email": ""}))
        search.register()
