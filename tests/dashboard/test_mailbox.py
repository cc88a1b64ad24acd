"""The mails of a development installation: kept as files, shown on a page, and nowhere else."""

import pytest
from django.core.mail import EmailMessage, get_connection
from django.http import Http404
from django.test import RequestFactory
from django.urls import NoReverseMatch, reverse

from incenta.accounts import mailbox
from incenta.accounts.dashboard.mailbox import show


@pytest.fixture
def development(settings, tmp_path):
    settings.DEBUG = True
    settings.EMAIL_BACKEND = mailbox.BACKEND
    settings.DATA_DIR = tmp_path


def send(subject: str, text: str = "Hello") -> None:
    EmailMessage(
        subject, text, "Incenta <no-reply@localhost>", ["asha@example.com"], connection=get_connection()
    ).send()


def page() -> str:
    return show(RequestFactory().get("/dashboard/mailbox/")).content.decode()


def test_a_mail_is_read_on_a_page_and_its_links_lead_there(development):
    assert "No mail yet" in page()
    send("Größe <b>", "Follow http://127.0.0.1:8000/accounts/invitation/abc:def/ & <i>join</i>\n")
    shown = page()
    assert "Größe &lt;b&gt;" in shown and "asha@example.com" in shown
    assert '<a href="http://127.0.0.1:8000/accounts/invitation/abc:def/"' in shown
    assert "&lt;i&gt;join" in shown


def test_the_newest_come_first_and_the_oldest_go(development, monkeypatch):
    monkeypatch.setattr(mailbox, "KEPT", 3)
    for number in range(5):
        send(f"Number {number}")
    assert len(list(mailbox.folder().iterdir())) == 3
    shown = page()
    assert shown.index("Number 4") < shown.index("Number 3") < shown.index("Number 2")
    assert "Number 1" not in shown


@pytest.mark.parametrize(
    "changed", [{"DEBUG": False}, {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend"}]
)
def test_elsewhere_there_is_no_such_page(development, settings, changed):
    for name, value in changed.items():
        setattr(settings, name, value)
    with pytest.raises(Http404):
        page()


def test_it_has_no_address_where_debug_is_off():
    with pytest.raises(NoReverseMatch):
        reverse("dashboard:mailbox")


@pytest.mark.django_db
def test_mails_are_signed_with_a_name_and_not_with_a_host(client, mailoutbox):
    client.post("/accounts/signup/", {"email": "asha@himal.example", "password1": "tall-mountain-9"})
    client.post("/accounts/password/reset/", {"email": "asha@himal.example"})
    assert len(mailoutbox) == 2
    for each in mailoutbox:
        assert "testserver" not in each.subject and "Hello from" not in each.body
        assert "http://testserver/accounts/" in each.body and each.body.strip().endswith("Incenta")
