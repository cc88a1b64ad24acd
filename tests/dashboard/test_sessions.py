"""Where somebody is signed in, and being signed out everywhere else."""

import pytest
from django.test import Client

from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db

HERE = {"email": "owner@himal.example", "password": "correct horse battery"}


def signed_in(agent: str) -> Client:
    browser = Client(headers={"user-agent": agent})
    assert browser.post("/accounts/login/", {"login": HERE["email"], "password": HERE["password"]}).status_code == 302
    return browser


def test_the_other_sessions_end_and_this_one_does_not(himal, url):
    laptop, telephone = signed_in("Laptop <b>"), signed_in("Telephone")
    page = body(laptop.get("/accounts/sessions/"))
    assert "Laptop &lt;b&gt;" in page and "Telephone" in page and page.count("this one") == 1
    assert laptop.post("/accounts/sessions/").status_code == 302
    assert "Sign out everywhere else" not in body(laptop.get("/accounts/sessions/"))
    assert laptop.get(url("overview/")).status_code == 200
    assert telephone.get(url("overview/")).url.startswith("/accounts/login/")


def test_nobody_sees_anothers_sessions(himal, rival):
    signed_in("Laptop of himal")
    assert "Laptop of himal" not in body(sign_in(rival.app.merchant).get("/accounts/sessions/"))
