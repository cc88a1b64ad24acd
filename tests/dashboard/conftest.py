"""People at the dashboard: members of himal in each role, and the owner of the rival."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incenta.accounts.models import Membership, Merchant, Role, User


def sign_in(merchant: Merchant, role: Role = Role.OWNER, **options) -> Client:
    """A browser in which somebody with this role at the merchant is signed in."""
    if role == Role.OWNER:
        user = merchant.memberships.get(role=role).user
    else:
        user = User.objects.create_user(f"{role.lower()}@{merchant.name.lower()}.example", "correct horse battery")
        Membership.objects.create(merchant=merchant, user=user, role=role)
    browser = Client(**options)
    browser.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    browser.user = user
    return browser


@pytest.fixture
def owner(himal) -> Client:
    return sign_in(himal.app.merchant)


@pytest.fixture
def url(himal) -> Callable[..., str]:
    """``url("campaigns/")``: an address in himal's live app."""
    return lambda path, app=None: f"/dashboard/{(app or himal.app).pk}/{path}"


def body(response) -> str:
    return b"".join(response.streaming_content).decode() if response.streaming else response.content.decode()


def statements(browser: Client, path: str) -> list[str]:
    """The SQL of a page in a process that is warm: the least of three tries, for what the frame of every page keeps for a minute
    may run out between two."""
    assert browser.get(path).status_code == 200
    tries = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as captured:
            browser.get(path)
        tries.append([query["sql"] for query in captured.captured_queries])
    return min(tries, key=len)


KEY = {"name": "Checkout", "scope": "full", "expires": ""}
CAMPAIGN = {
    "name": "Bring a friend",
    "currency": "USD",
    "referral_type": "TWO_SIDED",
    "reward_model": "FIXED",
    "reward_value": "10",
    "referee_reward_value": "5",
    "budget_policy": "STOP",
    "first_time_user_only": "on",
    "hold_days": "7",
    "code_format": "RANDOM",
    "fulfillment_type": "MANUAL",
    "fraud_mode": "hold",
    "hold_at": "50",
    "block_at": "80",
    "status": "ACTIVE",
}
"""What the two forms send when somebody fills in the least."""


def make_campaign(browser: Client, new: str, sent: dict[str, str]):
    """Walks the four steps at ``new``, sending at each what belongs there. Answers the first refusal, else where the last one leads."""
    for step in ("goal", "reward", "rules", "review"):
        answer = browser.post(f"{new}{step}/", {"template": "blank"} | sent)
        if answer.status_code != 302:
            break
    return answer
