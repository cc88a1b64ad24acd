"""Signing up with a password or a passkey: who has to prove an address, and who learns what of whom."""

import re

import pytest
from allauth.account import checks as account_checks
from allauth.account.models import EmailAddress
from allauth.mfa import checks as mfa_checks
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from incenta.accounts import entrance
from incenta.accounts.models import User
from incenta.database import sql
from tests.cast import at_once
from tests.dashboard.conftest import body

pytestmark = pytest.mark.django_db

ASHA = "asha@himal.example"
CODE_PAGE = "/accounts/confirm-email/"


def code_in(mailoutbox) -> str:
    return re.search(r"\n\n(\S{4,12})\n\n", mailoutbox[-1].body)[1]


def sign_up(email: str = ASHA, how: str = "", **sent) -> tuple[Client, object]:
    browser = Client()
    return browser, browser.post(f"/accounts/signup/{how}", {"email": email, **sent})


def with_a_password(email: str = ASHA):
    return sign_up(email, password1="tall-mountain-9")


def test_allauth_finds_nothing_to_object_to():
    call_command("check")
    said = [each.msg for check in (account_checks.settings_check, mfa_checks.settings_check) for each in check(None)]
    assert sorted(said) == sorted(entrance.MET)


def test_a_password_opens_the_door_at_once_and_the_code_can_wait(mailoutbox):
    browser, answer = with_a_password()
    assert answer.url == "/dashboard/" and browser.get("/dashboard/start/").status_code == 200
    assert not EmailAddress.objects.get().verified
    assert f"http://testserver{CODE_PAGE}" in mailoutbox[0].body
    browser.post(CODE_PAGE, {"code": code_in(mailoutbox)})
    assert EmailAddress.objects.get().verified
    # and again on another day, without a word of codes
    later = Client()
    EmailAddress.objects.update(verified=False)
    assert later.post("/accounts/login/", {"login": ASHA, "password": "tall-mountain-9"}).url == "/dashboard/"
    assert len(mailoutbox) == 1


def test_an_address_that_has_an_account_is_told_where_it_cannot_be_hidden(mailoutbox, settings):
    User.objects.create_user(ASHA, "correct horse battery")
    _, answer = with_a_password()
    assert answer.status_code == 200 and "already registered" in body(answer) and not mailoutbox
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    _, answer = with_a_password()
    assert answer.url == CODE_PAGE and mailoutbox[0].subject == "Account Already Exists"


def test_an_operator_may_ask_the_code_of_everybody(mailoutbox, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    browser, answer = with_a_password()
    assert answer.url == CODE_PAGE and browser.get("/dashboard/start/").status_code == 302
    assert browser.post(CODE_PAGE, {"code": code_in(mailoutbox)}).url == "/dashboard/"
    assert browser.get("/dashboard/start/").status_code == 200


def test_who_fails_behind_our_own_proxy_locks_nobody_else_out(settings):
    """Of all that come through the proxy each has an address of his own, which no header of his can change."""
    settings.BEHIND_PROXY = True
    user = User.objects.create_user(ASHA, "correct horse battery")

    def sign_in(address: str, password: str, claimed: str = "198.51.100.7"):
        browser = Client(headers={"x-forwarded-for": f"{claimed}, {address}"})
        return browser.post(
            "/accounts/login/", {"login": ASHA if password else "x@x.example", "password": password or "x"}
        )

    for number in range(12):
        sign_in("203.0.113.9", "", claimed=f"192.0.2.{number}")
    assert "Too many failed login attempts" in body(sign_in("203.0.113.9", "correct horse battery"))
    assert sign_in("198.51.100.7", "correct horse battery").status_code == 302
    assert user.usersession_set.get().ip == "198.51.100.7"


def test_a_crowd_does_not_push_out_what_is_counted():
    """The cache table holds how often sign-ins failed: what lies in it is not forgotten for others that come after."""
    cache.set("first", 1)
    sql.execute(
        "INSERT INTO django_cache SELECT ':1:' || n, '', now() + interval '1 hour' FROM generate_series(1, 5000) n"
    )
    cache.set("last", 2)
    assert (cache.get("first"), cache.get("last")) == (1, 2)
    assert sql.row("SELECT count(*) FROM django_cache")[0] >= 5_002


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("how", "asked"), [("", "optional"), ("", "mandatory"), ("passkey/", "optional")])
def test_of_many_who_sign_up_with_one_address_at_once_one_does(settings, how, asked):
    settings.ACCOUNT_EMAIL_VERIFICATION = asked
    settings.ACCOUNT_RATE_LIMITS = False
    sent = {} if how else {"password1": "tall-mountain-9"}
    answers = at_once(8, lambda place: sign_up(how=how, **sent)[1])
    told = {(answer.status_code, answer.get("Location", "")) for answer in answers}
    first = (302, CODE_PAGE if how or asked == "mandatory" else "/dashboard/")
    assert first in told and told - {first} <= (
        set() if asked == "mandatory" else {(302, "/accounts/login/"), (200, "")}
    )
    assert User.objects.get().email == EmailAddress.objects.get().email == ASHA


def test_another_address_needs_the_password_again(himal, owner, mailoutbox):
    """Else whoever sits down at an open session proves an address of his own, and has the account."""
    there, own = "/accounts/email/", owner.user.email
    EmailAddress.objects.create(user=owner.user, email=own, primary=True, verified=True)
    EmailAddress.objects.create(user=owner.user, email="second@himal.example", verified=True)
    wishes = {"action_add": "mallory@x.example", "action_primary": "second@himal.example", "action_remove": own}
    for press, email in wishes.items():
        asked = owner.post(there, {press: "", "email": email})
        assert asked.url == f"/accounts/reauthenticate/?next={there.replace('/', '%2F')}", press
        owner.post(asked.url, {"password": "wrong"})
    assert set(EmailAddress.objects.values_list("email", "primary")) == {(own, True), ("second@himal.example", False)}
    assert not mailoutbox and "Confirm Access" in body(owner.get(asked.url))
    owner.post(there, {"action_primary": "", "email": "second@himal.example"})
    owner.post(asked.url, {"password": "correct horse battery"})
    assert EmailAddress.objects.get(primary=True).email == "second@himal.example"


def test_a_passkey_is_made_only_after_the_address_is_proved(mailoutbox):
    browser, answer = sign_up(how="passkey/")
    assert answer.url == CODE_PAGE
    assert browser.get("/accounts/2fa/webauthn/signup/").status_code == 302  # not yet
    assert browser.get("/dashboard/start/").status_code == 302
    page = body(browser.get(CODE_PAGE))
    assert ASHA in page and "Send another code" in page
    code = code_in(mailoutbox)
    assert browser.post(CODE_PAGE, {"code": "XXXXXX"}).status_code == 200
    assert browser.post(CODE_PAGE, {"code": code}).url == "/accounts/2fa/webauthn/signup/"
    assert "Make the passkey" in body(browser.get("/accounts/2fa/webauthn/signup/"))
    assert browser.get("/dashboard/start/").status_code == 302  # and nobody is in without one
    refused = browser.post("/accounts/2fa/webauthn/signup/", {"name": "Mine", "credential": "{}"})
    assert refused.status_code in (200, 302) and not Authenticator.objects.exists()
    user = User.objects.get()
    assert not user.has_usable_password() and EmailAddress.objects.get().verified


def test_three_wrong_codes_end_it(mailoutbox):
    browser, _ = sign_up(how="passkey/")
    for _ in range(3):
        answer = browser.post(CODE_PAGE, {"code": "XXXXXX"})
    assert answer.url == "/accounts/login/"
    assert browser.post(CODE_PAGE, {"code": code_in(mailoutbox)}).url == "/accounts/login/"
    assert not EmailAddress.objects.get().verified


def test_where_everybody_is_asked_nobody_learns_who_has_an_account(mailoutbox, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    User.objects.create_user(ASHA, "correct horse battery")
    known, answer = sign_up(how="passkey/")
    unknown, other = sign_up("bikram@himal.example", how="passkey/")
    assert answer.url == other.url == CODE_PAGE
    pages = [re.sub(r'value="\w{64}"|asha|bikram', "", body(browser.get(CODE_PAGE))) for browser in (known, unknown)]
    assert pages[0] == pages[1]
    assert mailoutbox[0].subject == "Account Already Exists" and mailoutbox[1].to == ["bikram@himal.example"]
    for _ in range(3):
        answer = known.post(CODE_PAGE, {"code": "XXXXXX"})
    assert answer.url == "/accounts/login/"


def test_who_is_invited_comes_in_by_a_passkey_too(himal, mailoutbox):
    browser = Client()
    page = body(browser.get("/accounts/signup/?next=/accounts/invitation/abc/"))
    assert "/accounts/signup/passkey/?next=%2Faccounts%2Finvitation%2Fabc%2F" in page


def test_an_address_is_proved_later_from_its_own_page(himal, owner, mailoutbox):
    email = owner.user.email
    EmailAddress.objects.create(user=owner.user, email=email, primary=True)
    sent = owner.post("/accounts/email/", {"action_send": "", "email": email})
    assert sent.url == CODE_PAGE and "Later" in body(owner.get(CODE_PAGE))
    owner.post(CODE_PAGE, {"code": code_in(mailoutbox)})
    assert EmailAddress.objects.get().verified


def test_passkeys_are_offered_where_this_machine_has_a_name(settings):
    settings.ALLOWED_HOSTS = ["127.0.0.1", "[::1]", "localhost"]

    def pages(host: str) -> str:
        return body(Client(headers={"host": host}).get("/accounts/login/")) + body(
            Client(headers={"host": host}).get("/accounts/signup/")
        )

    for host in ("127.0.0.1:8000", "[::1]:8000"):  # browsers know no passkey of a number
        page = pages(host)
        assert 'href="http://localhost:8000/accounts/login/"' in page
        assert 'href="http://localhost:8000/accounts/signup/passkey/"' in page
        assert 'id="passkey_login"' not in page
    page = pages("localhost:8000")
    assert 'href="/accounts/signup/passkey/"' in page and 'id="passkey_login"' in page
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    assert "localhost" not in pages("127.0.0.1:8000")
