"""How people come in: with an e-mail address and a password, or with the address and a passkey.

Whoever signs up with a passkey proves the address first, by a code from a mail, and makes the passkey then: without a password the
mailbox is all by which an account can be recovered. Whether a password needs a proved address is the operator's word, as ever
(``ACCOUNT_EMAIL_VERIFICATION``); where it is optional the same code is mailed, and can wait.
"""

import functools
from ipaddress import ip_address

from allauth.account import checks as account_checks
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.stages import EmailVerificationStage
from allauth.mfa import checks as mfa_checks
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.conf import settings
from django.contrib import messages
from django.core.checks import register
from django.core.checks.registry import registry
from django.http import HttpRequest
from django.urls import reverse

from incenta.api.authentication import caller_ip

_ALLAUTHS = "allauth.account.stages.EmailVerificationStage"


class AccountAdapter(DefaultAccountAdapter):
    def get_login_stages(self) -> list[str]:
        ours = f"{Verification.__module__}.{Verification.__qualname__}"
        return [ours if stage == _ALLAUTHS else stage for stage in super().get_login_stages()]

    def get_client_ip(self, request: HttpRequest) -> str:
        """The visitor's address, by which sign-ins are limited and sessions listed: not that of our own proxy, which is everybody's."""
        try:
            return str(ip_address(caller_ip(request)))
        except ValueError:
            return super().get_client_ip(request)

    def send_mail(self, template_prefix: str, email: str, context: dict) -> None:
        """With the address of the page that takes a code."""
        code_url = settings.BASE_URL.rstrip("/") + reverse("account_email_verification_sent")
        super().send_mail(template_prefix, email, context | {"code_url": code_url})


class Verification(EmailVerificationStage):
    """allauth asks everybody to prove an address, or nobody; here whoever comes with a passkey always has to."""

    def handle(self):
        if self.login.state.get("passkey_signup"):
            self.login.email_verification = EmailVerificationMethod.MANDATORY
        return super().handle()


def keep_codes(request, user, authenticator: Authenticator, **kwargs) -> None:
    """A passkey made at sign-up is the only key there is: recovery codes are made with it, for the day it is lost."""
    if authenticator.type == Authenticator.Type.WEBAUTHN and not request.user.is_authenticated:
        RecoveryCodes.activate(user)
        messages.info(
            request, "Your passkey is your only key. Keep the recovery codes too: they are under Sign-in and security."
        )


# --- allauth's checks of the settings ---------------------------------------------------------------------------------
MET = (
    "ACCOUNT_EMAIL_VERFICATION_BY_CODE requires ACCOUNT_EMAIL_VERIFICATION = 'mandatory'",
    "MFA_PASSKEY_SIGNUP_ENABLED requires ACCOUNT_EMAIL_VERIFICATION = 'mandatory'",
)
"""What ``Verification`` sees to by itself. They have no ids by which Django could silence them; should a later allauth say them in
other words, every command fails and tells so."""


def meet_checks() -> None:
    """Leaves these two out of what allauth objects to; once, when the room is ready."""
    for check in (account_checks.settings_check, mfa_checks.settings_check):
        registry.registered_checks.discard(check)
        register(_without_met(check))


def _without_met(check):
    @functools.wraps(check)
    def checked(app_configs, **kwargs) -> list:
        return [each for each in check(app_configs, **kwargs) if each.msg not in MET]

    return checked
