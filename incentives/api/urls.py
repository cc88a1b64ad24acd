"""The addresses of the incentive room, below both mounts."""

from django.urls import path

from .ledger import LedgerVerify

urlpatterns = [
    path("incentives/ledger/verify", LedgerVerify.as_view(), name="ledger_verify"),
]
