"""An authenticator app, turned on and asked for at the door, without JavaScript too; a passkey, added to an account or its only key."""

import re
import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import expect

from incenta.accounts.models import Plan, User
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


def with_a_device(page) -> None:
    """A device that makes and keeps passkeys, and always knows its owner."""
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": kind | {"isUserVerified": True}})


def test_an_account_is_made_with_a_passkey_and_no_password(visit, mailoutbox):
    Plan.objects.create(name="Test", is_default=True)
    asha = visit()
    page = asha.page
    with_a_device(page)
    asha.go("/accounts/signup/")
    page.get_by_role("link", name="Create it with a passkey").click()
    expect(page.get_by_role("heading", name="Create account with a passkey")).to_be_visible()
    expect(page.get_by_label("Password")).to_have_count(0)
    asha.look()
    assert asha.violations() == []
    page.get_by_label("Email").fill("asha@himal.example")
    page.get_by_role("button", name="Mail me a code").click()
    expect(page.get_by_role("heading", name="Enter the code")).to_be_visible()
    asha.look()
    assert asha.violations() == []
    page.get_by_role("textbox").fill(re.search(r"\n\n(\S{4,12})\n\n", mailoutbox[-1].body)[1])
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Make your passkey")).to_be_visible()
    asha.look()
    assert asha.violations() == []
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_label("Business or product name")).to_be_visible()
    expect(page.get_by_text("Keep the recovery codes too")).to_be_visible()
    page.get_by_label("Business or product name").fill("Himal Outfitters")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Make it happen")).to_be_visible()
    assert not User.objects.get().has_usable_password()

    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    asha.go("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_a_passkey_is_added_and_opens_the_door_alone(visit):
    user = merchant("himal").memberships.get().user
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    asha = visit()
    page = asha.page
    with_a_device(page)

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
