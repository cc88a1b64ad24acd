"""Who may open and press what among the pages of the incentive engine, live and in the sandbox; another tenant's is absent."""

import pytest

from incenta.accounts.models import Role
from incentives.models import Item
from tests.cast import Caller
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db

OWNER, ADMIN, ANALYST, DEVELOPER = Role.OWNER, Role.ADMIN, Role.ANALYST, Role.DEVELOPER
EVERYBODY, EDITORS, EXPORTERS = {OWNER, ADMIN, ANALYST, DEVELOPER}, {OWNER, ADMIN}, {OWNER, ADMIN, ANALYST}

PAGES = {
    "actions/": EVERYBODY,
    "actions/?export=csv": EXPORTERS,
    "actions/new/": EDITORS,
    "actions/lesson/edit/": EDITORS,
    "levels/": EVERYBODY,
    "levels/?export=csv": EXPORTERS,
    "levels/new/": EDITORS,
    "levels/1/edit/": EDITORS,
    "badges/": EVERYBODY,
    "badges/?export=csv": EXPORTERS,
    "badges/new/": EDITORS,
    "badges/hero/edit/": EDITORS,
    "badges/hero/award/": EDITORS,
    "milestones/": EVERYBODY,
    "milestones/?export=csv": EXPORTERS,
    "milestones/new/": EDITORS,
    "milestones/far/edit/": EDITORS,
    "backfills/level/": EVERYBODY,
    "users/": EVERYBODY,
    "users/?export=csv": EXPORTERS,
    "users/one/?id=asha": EVERYBODY,
    "users/one/?id=asha&export=csv": EXPORTERS,
    "leaderboard/": EVERYBODY,
    "leaderboard/?export=csv": EXPORTERS,
    "catalog/": EVERYBODY,
    "catalog/?export=csv": EXPORTERS,
    "catalog/new/": EDITORS,
    "catalog/{item}/edit/": EDITORS,
    "catalog/{item}/codes/": EDITORS,
    "redemptions/": EVERYBODY,
    "redemptions/?export=csv": EXPORTERS,
    "settings/": EVERYBODY,
}
BUTTONS = {
    "actions/starters/": EDITORS,
    "actions/lesson/off/": EDITORS,
    "levels/ladder/": EDITORS,
    "levels/1/delete/": EDITORS,
    "milestones/far/delete/": EDITORS,
    "users/visibility/?id=asha&visible=no": EDITORS,
    "leaderboard/visibility/?id=asha&visible=no": EDITORS,
    "catalog/{item}/delete/": EDITORS,
    "redemptions/{redemption}/fulfil/": EXPORTERS,
    "redemptions/{redemption}/cancel/": EXPORTERS,
}


@pytest.fixture
def shop(himal) -> Caller:
    himal.post("/incentives/actions", {"key": "lesson", "name": "Lesson", "type": "STANDARD", "xp": 1})
    himal.post("/incentives/levels", {"level": 1, "name": "One", "xpThreshold": 10})
    himal.post("/incentives/badges", {"key": "hero", "name": "Hero"})
    himal.post("/incentives/milestones/rules", {"key": "far", "metric": "xp", "threshold": 10})
    himal.post("/incentives/adjustments", {"userId": "asha", "coins": 50, "xp": 1, "reason": "hello"})
    item = himal.post("/incentives/catalog", {"name": "Coffee", "coinCost": 5, "inventory": 5})["id"]
    assert himal.post("/incentives/redeem", {"userId": "asha", "itemId": item}).status == 201
    return himal


def filled(path: str, shop: Caller, app=None) -> str:
    item, redemption = shop.app.catalog_items.get().pk, shop.app.item_redemptions.get().pk
    return f"/dashboard/{(app or shop.app).pk}/incentives/{path.format(item=item, redemption=redemption)}"


def state(shop: Caller) -> tuple:
    """What a refused press must leave alone."""
    app = shop.app
    return (
        list(app.actions.order_by("key").values_list("key", "active")),
        list(app.levels.values_list("level", flat=True)),
        list(app.milestones.values_list("key", flat=True)),
        list(app.standings.values_list("user_id", "visible")),
        list(Item.objects.filter(app=app).values_list("deleted_at", flat=True)),
        list(app.item_redemptions.values_list("status", flat=True)),
        list(app.wallets.values_list("coins", "xp", "seq")),
    )


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_pages_open_for_their_roles(shop, role):
    browser = sign_in(shop.app.merchant, role)
    opened = {path: browser.get(filled(path, shop)).status_code for path in PAGES}
    assert opened == {path: 200 if role in roles else 403 for path, roles in PAGES.items()}


@pytest.mark.parametrize("path", BUTTONS)
def test_buttons_work_for_their_roles_by_post_only(shop, path):
    before = state(shop)
    where = filled(path, shop)
    for role in (DEVELOPER, ANALYST):
        if role not in BUTTONS[path]:
            assert sign_in(shop.app.merchant, role).post(where).status_code == 403
    owner = sign_in(shop.app.merchant)
    assert owner.get(where).status_code == 405
    assert state(shop) == before
    assert owner.post(where).status_code == 302


def test_anothers_pages_and_buttons_are_not_there(shop, rival):
    browser = sign_in(rival.app.merchant)
    before = state(shop)
    for path in (*PAGES, *BUTTONS):
        assert browser.get(filled(path, shop)).status_code == 404, path
        assert browser.post(filled(path, shop)).status_code == 404, path
    for path in (*PAGES, *BUTTONS):  # and an own app does not open another's objects
        if any(part in path for part in ("lesson", "/1/", "hero", "far", "{item}", "{redemption}")):
            answer = browser.post(filled(path, shop, rival.app))
            assert answer.status_code == 404, path
    assert state(shop) == before


def test_a_developer_makes_rules_in_the_sandbox_only(shop):
    browser = sign_in(shop.app.merchant, DEVELOPER)
    sent = {"key": "visit", "name": "Visit", "type": "STANDARD", "xp": "1", "active": "on"}
    assert browser.post(filled("actions/new/", shop, shop.app.sandbox), sent).status_code == 302
    assert browser.post(filled("actions/new/", shop), sent).status_code == 403
    assert shop.app.sandbox.actions.count() == 1
    assert "New action" not in body(browser.get(filled("actions/", shop)))


def test_a_form_from_elsewhere_changes_nothing(shop):
    browser = sign_in(shop.app.merchant, enforce_csrf_checks=True)
    before = state(shop)
    for path in (
        *BUTTONS,
        "settings/",
        "actions/new/",
        "users/one/?id=asha",
        "badges/hero/award/",
        "catalog/{item}/codes/",
    ):
        assert browser.post(filled(path, shop), {"coins": "5", "reason": "x"}).status_code == 403, path
    assert state(shop) == before
