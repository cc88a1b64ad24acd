from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "incenta.accounts"
    label = "accounts"
    verbose_name = "Accounts"
