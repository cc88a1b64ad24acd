"""An authenticator app: turned on, then asked for at the door; without JavaScript."""

import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import expect

from tests.cast import merchant

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def code_now(secret: str, step: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_a_second_factor_is_turned_on_and_asked_for(visit, javascript):
    user = merchant("himal").memberships.get().user
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    asha = visit(javascript=javascript)
    page = asha.page

    def sign_in() -> None:
        asha.go("/accounts/login/")
        page.get_by_label("Email").fill(user.email)
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_role("button", name="Sign in", exact=True).click()

    sign_in()
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("link", name="Sign-in and security").click()
    page.get_by_role("link", name="Activate").click()
    # who found an open laptop does not get to set this
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Confirm").click()
    secret = page.get_by_label("Authenticator secret").input_value()
    if javascript:
        asha.look()
        assert asha.violations() == []
    page.get_by_label("Authenticator code").fill(code_now(secret))
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("Authenticator app activated.")).to_be_visible()

    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    sign_in()
    expect(page.get_by_role("heading", name="Two-Factor Authentication")).to_be_visible()
    page.get_by_role("textbox").fill(code_now(secret, step=1))
    page.get_by_role("button", name="Sign In", exact=True).click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_a_passkey_is_added_and_opens_the_door_alone(visit):
    user = merchant("himal").memberships.get().user
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    asha = visit()
    page = asha.page
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": kind | {"isUserVerified": True}})

    asha.go("/accounts/login/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("link", name="Sign-in and security").click()
    page.get_by_role("link", name="Add", exact=True).click()
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill("Laptop")
    page.get_by_label("Passwordless").check()
    asha.look()
    assert asha.violations() == []
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Security key added.")).to_be_visible()
    asha.look()
    # with a second factor come codes for the day it is lost
    expect(page.get_by_role("heading", name="Recovery Codes")).to_be_visible()
    assert asha.violations() == []
    asha.go("/accounts/2fa/webauthn/")
    expect(page.get_by_text("Laptop")).to_be_visible()
    assert asha.violations() == []

    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    asha.go("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
