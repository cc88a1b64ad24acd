"""Who may open and press what among the programme's pages; another tenant's is absent, and nothing moves from elsewhere."""

import pytest

from incenta.accounts.models import Role
from tests.cast import Caller
from tests.dashboard.conftest import sign_in

pytestmark = pytest.mark.django_db

OWNER, ADMIN, ANALYST, DEVELOPER = Role.OWNER, Role.ADMIN, Role.ANALYST, Role.DEVELOPER
EVERYBODY, PAYERS, SETTLERS = {OWNER, ADMIN, ANALYST, DEVELOPER}, {OWNER, ADMIN}, {OWNER, ADMIN, ANALYST}

PAGES = {
    "overview/": EVERYBODY,
    "overview/?range=7&compare=no": EVERYBODY,
    "referrals/": EVERYBODY,
    "referrals/?export=csv": SETTLERS,
    "referrals/{referral}/": EVERYBODY,
    "conversions/": EVERYBODY,
    "conversions/?export=csv": SETTLERS,
    "conversions/{conversion}/": EVERYBODY,
    "rewards/": EVERYBODY,
    "rewards/?export=csv": SETTLERS,
    "rewards/{reward}/": EVERYBODY,
    "rewards/payouts/": EVERYBODY,
    "rewards/payouts/?export=csv": SETTLERS,
    "rewards/payouts/settings/": PAYERS,
    "people/": EVERYBODY,
    "people/?id=asha": EVERYBODY,
    "campaigns/{campaign}/codes/": EVERYBODY,
    "campaigns/{campaign}/try/": EVERYBODY,
    "campaigns/{campaign}/activity/": EVERYBODY,
}
BUTTONS = {
    "rewards/{reward}/hold/": (SETTLERS, {}),
    "rewards/{reward}/release/": (SETTLERS, {}),
    "rewards/{reward}/approve/": (SETTLERS, {}),
    "rewards/{reward}/pay/": (PAYERS, {"reference": "run 7"}),
    "rewards/{second}/cancel/": (SETTLERS, {"reason": "A mistake"}),
    "referrals/{referral}/flag/": (SETTLERS, {"reason": "A coupon site has it"}),
    "conversions/{conversion}/reverse/": (PAYERS, {"reason": "returned", "sure": "yes"}),
}
"""In an order in which each can be pressed once."""


@pytest.fixture
def shop(himal) -> Caller:
    code = himal.code(himal.campaign(rewardModel="FIXED", rewardValue=10))
    assert himal.convert(code).status == 201
    assert himal.convert(code, "chandra").status == 201
    return himal


def filled(path: str, shop: Caller, app=None) -> str:
    rewards = list(shop.app.rewards.order_by("pk").values_list("pk", flat=True))
    names = {
        "campaign": shop.app.campaigns.get().pk,
        "referral": shop.app.referrals.get().pk,
        "conversion": shop.app.conversions.order_by("pk").first().pk,
        "reward": rewards[0],
        "second": rewards[1],
    }
    return f"/dashboard/{(app or shop.app).pk}/{path.format(**names)}"


def state(shop: Caller) -> tuple:
    """What a refused press must leave alone."""
    app = shop.app
    return (
        list(app.rewards.order_by("pk").values_list("status", "holds", "reversed_minor", "payout_reference")),
        list(app.conversions.order_by("pk").values_list("status", "reversed_minor")),
        list(app.referrals.values_list("status", "is_flagged")),
        list(app.wallets.order_by("pk").values_list("money", "seq")),
    )


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_pages_open_for_their_roles(shop, role):
    browser = sign_in(shop.app.merchant, role)
    opened = {path: browser.get(filled(path, shop)).status_code for path in PAGES}
    assert opened == {path: 200 if role in roles else 403 for path, roles in PAGES.items()}


def test_buttons_work_for_their_roles_by_post_only(shop):
    before = state(shop)
    others = {role: sign_in(shop.app.merchant, role) for role in (DEVELOPER, ANALYST)}
    owner = sign_in(shop.app.merchant)
    for path, (roles, sent) in BUTTONS.items():
        for role, browser in others.items():
            if role not in roles:
                assert browser.post(filled(path, shop), sent).status_code == 403, path
        assert owner.get(filled(path, shop)).status_code == 405, path
    assert state(shop) == before
    for path, (_, sent) in BUTTONS.items():
        was = state(shop)
        assert owner.post(filled(path, shop), sent).status_code == 302, path
        assert state(shop) != was, path


def test_anothers_pages_and_buttons_are_not_there(shop, rival):
    browser = sign_in(rival.app.merchant)
    before = state(shop)
    for path in PAGES:
        assert browser.get(filled(path, shop)).status_code == 404, path
        if "{" in path:  # and an own app does not open another's objects
            assert browser.get(filled(path, shop, rival.app)).status_code == 404, path
    for path, (_, sent) in BUTTONS.items():
        assert browser.post(filled(path, shop), sent).status_code == 404, path
        assert browser.post(filled(path, shop, rival.app), sent).status_code == 404, path
        assert browser.post(filled(path, shop, rival.app)).status_code == 404, path  # before anything else is said
    assert state(shop) == before


def test_a_form_from_elsewhere_changes_nothing(shop):
    browser = sign_in(shop.app.merchant, enforce_csrf_checks=True)
    before = state(shop)
    for path, (_, sent) in (BUTTONS | {"rewards/batch/": (None, {"verb": "pay"})}).items():
        assert browser.post(filled(path, shop), sent).status_code == 403, path
    assert state(shop) == before
