"""Who may open and press what among the marketplace's pages, live and in the sandbox; another tenant's is absent."""

import pytest

from incenta.accounts.models import Role
from marketplace.models import Participation, Redemption
from tests.cast import Caller
from tests.dashboard.conftest import body, sign_in
from tests.marketplace.stalls import earns, opens, redeems, sells

pytestmark = pytest.mark.django_db

OWNER, ADMIN, ANALYST, DEVELOPER = Role.OWNER, Role.ADMIN, Role.ANALYST, Role.DEVELOPER
EVERYBODY, EDITORS, SETTLERS = {OWNER, ADMIN, ANALYST, DEVELOPER}, {OWNER, ADMIN}, {OWNER, ADMIN, ANALYST}

PAGES = {
    "": EVERYBODY,
    "profile/": EVERYBODY,
    "listings/": EVERYBODY,
    "listings/?export=csv": SETTLERS,
    "listings/new/": EDITORS,
    "listings/price/?coin_cost=5": EDITORS,
    "listings/{listing}/": EVERYBODY,
    "listings/{listing}/edit/": EDITORS,
    "listings/{listing}/codes/": EDITORS,
    "promotions/": EVERYBODY,
    "promotions/?export=csv": SETTLERS,
    "promotions/new/": EDITORS,
    "redemptions/": EVERYBODY,
    "redemptions/?export=csv": SETTLERS,
    "redemptions/here/": EVERYBODY,
    "redemptions/here/?export=csv": SETTLERS,
    "counter/": SETTLERS,
    "statement/": EVERYBODY,
    "statement/?export=csv": SETTLERS,
}
BUTTONS = {
    "partners/{business}/block/": EDITORS,
    "partners/{business}/unblock/": EDITORS,
    "listings/{listing}/unpublish/": EDITORS,
    "listings/{listing}/publish/": EDITORS,
    "promotions/{promotion}/end/": EDITORS,
    "redemptions/here/{redemption}/fulfil/": SETTLERS,
    "redemptions/here/{second}/cancel/": SETTLERS,
    "redemptions/{third}/cancel/": SETTLERS,
    "listings/{listing}/delete/": EDITORS,
}
FORMS = ("", "profile/", "listings/new/", "listings/{listing}/edit/", "listings/{listing}/codes/", "promotions/new/")


@pytest.fixture
def shop(himal) -> Caller:
    """Himal sells to its own users: both roles in one app."""
    opens(himal)
    listing = sells(himal, inventory=5)
    assert himal.post(
        "/incentives/marketplace/promotions",
        {"listingId": listing, "percentOff": 10, "endsAt": "2099-01-01T00:00:00Z"},
    ).status == 201  # fmt: skip
    earns(himal, "asha")
    for _ in range(3):
        redeems(himal, listing)
    return himal


def filled(path: str, shop: Caller, app=None) -> str:
    redeemed = [redemption.pk for redemption in Redemption.objects.filter(app=shop.app).order_by("pk")]
    names = dict(zip(("redemption", "second", "third"), redeemed, strict=True)) | {
        "listing": shop.app.listings.get().pk,
        "promotion": shop.app.promotions.get().pk,
        "business": shop.app.business.pk,
    }
    return f"/dashboard/{(app or shop.app).pk}/marketplace/{path.format(**names)}"


def state(shop: Caller) -> tuple:
    """What a refused press must leave alone."""
    app = shop.app
    return (
        list(Participation.objects.order_by("app").values_list("app", "joined", "blocked")),
        list(app.listings.values_list("title", "published", "deleted_at", "stock__left")),
        list(app.promotions.values_list("deleted_at", flat=True)),
        list(app.redemptions_here.order_by("pk").values_list("status", flat=True)),
        list(app.wallets.values_list("coins", "seq")),
        app.business.name,
    )


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_pages_open_for_their_roles(shop, role):
    browser = sign_in(shop.app.merchant, role)
    opened = {path: browser.get(filled(path, shop)).status_code for path in PAGES}
    assert opened == {path: 200 if role in roles else 403 for path, roles in PAGES.items()}


def test_buttons_work_for_their_roles_by_post_only(shop):
    before = state(shop)
    others = [sign_in(shop.app.merchant, role) for role in (DEVELOPER, ANALYST)]
    owner = sign_in(shop.app.merchant)
    for path, roles in BUTTONS.items():
        for browser, role in zip(others, (DEVELOPER, ANALYST), strict=True):
            if role not in roles:
                assert browser.post(filled(path, shop)).status_code == 403, path
        assert owner.get(filled(path, shop)).status_code == 405, path
    for path in FORMS:
        assert others[1].post(filled(path, shop), {"title": "Mine", "name": "Mine"}).status_code == 403, path
    assert state(shop) == before
    for path in BUTTONS:
        assert owner.post(filled(path, shop)).status_code == 302, path
    after = state(shop)
    assert after[3] == ["FULFILLED", "CANCELLED", "CANCELLED"]
    assert all(after[2])


def test_anothers_pages_and_buttons_are_not_there(shop, rival):
    browser = sign_in(rival.app.merchant)
    before = state(shop)
    for path in (*PAGES, *BUTTONS):
        assert browser.get(filled(path, shop)).status_code == 404, path
        assert browser.post(filled(path, shop)).status_code == 404, path
    for path in PAGES:  # and an own app does not open another's objects; a business is there for everybody
        if "{" in path:
            assert browser.get(filled(path, shop, rival.app)).status_code == 404, path
    for path in BUTTONS:
        if "{business}" not in path:
            assert browser.post(filled(path, shop, rival.app)).status_code == 404, path
    assert state(shop) == before


def test_a_developer_sells_in_the_sandbox_only(shop):
    developer = sign_in(shop.app.merchant, DEVELOPER)
    sandbox = shop.app.sandbox
    assert developer.post(filled("profile/", shop, sandbox), {"name": "Test"}).status_code == 302
    assert sandbox.business.status == "VERIFIED"
    assert developer.post(filled("profile/", shop), {"name": "Test"}).status_code == 403
    page = body(developer.get(filled("listings/", shop)))
    assert "New listing" not in page


def test_a_form_from_elsewhere_changes_nothing(shop):
    browser = sign_in(shop.app.merchant, enforce_csrf_checks=True)
    before = state(shop)
    for path in (*BUTTONS, *FORMS):
        assert browser.post(filled(path, shop), {"name": "Mine", "title": "Mine"}).status_code == 403, path
    assert state(shop) == before
