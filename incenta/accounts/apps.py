from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "incenta.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_added

        from incenta.dashboard import beginning

        from . import entrance, people
        from .dashboard import search, team
        from .models import Participant

        people.hold(people.Holding("profile", Participant, ("external_id",), blanked={"username": "", "email": ""}))
        search.register()
        entrance.meet_checks()
        authenticator_added.connect(entrance.keep_codes, dispatch_uid="accounts.keep_codes")
        beginning.go_on_with(7, team.invite_somebody)
        beginning.go_on_with(8, team.go_live)
