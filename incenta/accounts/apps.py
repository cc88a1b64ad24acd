from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "incenta.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from incenta.dashboard import beginning

        from . import people
        from .dashboard import search, team
        from .models import Participant

        people.hold(people.Holding("profile", Participant, ("external_id",), blanked={"username": "", "email": ""}))
        search.register()
        beginning.go_on_with(7, team.invite_somebody)
        beginning.go_on_with(8, team.go_live)
