"""A shop's page: a publishable key, an allowed domain, and users whose tokens the shop's server signs."""

from dataclasses import dataclass

import pytest

from incenta.accounts.models import App
from incenta.api import browser
from incenta.widgets import tokens
from tests.cast import Answer, Caller, caller

ORIGIN = "https://shop.example.com"


@dataclass
class Page:
    """A page of the shop's in a visitor's browser, with the token of whoever is signed in."""

    caller: Caller
    token: str = ""
    origin: str = ORIGIN

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        sent = ({"origin": self.origin} if self.origin else {}) | ({"x_user_token": self.token} if self.token else {})
        return self.caller(method, path, body, **(sent | headers))

    def get(self, path: str, **headers: str) -> Answer:
        return self("GET", path, **headers)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        return self("POST", path, body, **headers)


@dataclass
class Shop:
    """The merchant's side: signs tokens with the app's secret."""

    server: Caller
    secret: str
    browser: Caller

    @property
    def app(self) -> App:
        return self.server.app

    def sign(self, user: str, **more) -> str:
        return tokens.sign(self.app, user, self.secret, **more)

    def page(self, user: str = "", **more) -> Page:
        return Page(self.browser, self.sign(user) if user else "", **more)


def opened(server: Caller) -> Shop:
    app = server.app
    app.allowed_domains = ["shop.example.com"]
    app.save()
    _, secret = tokens.rotate(app)
    return Shop(server, secret, caller(app, "publishable"))


@pytest.fixture(autouse=True)
def nobody_has_called_yet():
    browser.visits.forget()


@pytest.fixture
def shop(himal) -> Shop:
    return opened(himal)
