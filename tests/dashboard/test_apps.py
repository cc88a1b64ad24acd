"""The list of apps: each with its sandbox, its campaigns, its calls of this month; a merchant's own only."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incenta.accounts.models import Role
from incenta.api import metering, request_log
from tests.dashboard.conftest import body, sign_in

pytestmark = pytest.mark.django_db


def test_each_app_with_what_it_does(himal, owner, url):
    himal.campaign(name="One")
    himal.campaign(name="Two")
    request_log.flush()
    page = body(owner.get(url("apps/")))
    assert "Himal Shop (sandbox)" in page
    live = page.split("Himal Shop</a>")[1].split("</tr>")[0]
    assert "Live" in live and ">2<" in live and "never" not in live
    assert f"{metering.usage(himal.app)['calls']:,}<span" in live
    sandbox = page.split("Himal Shop (sandbox)</a>")[1].split("</tr>")[0]
    assert "Sandbox" in sandbox and ">0<" in sandbox and "never" in sandbox


def test_it_is_narrowed_by_status(himal, owner, url):
    assert "No app matches" in body(owner.get(url("apps/?status=PAUSED")))
    assert "not understood" in body(owner.get(url("apps/?status=LOST")))
    assert "Himal Shop</a>" in body(owner.get(url("apps/?status=ACTIVE")))


@pytest.mark.parametrize("role", sorted(Role))
def test_everybody_sees_ones_own_merchants_apps(himal, rival, url, role):
    page = body(sign_in(himal.app.merchant, role).get(url("apps/")))
    assert "Himal Shop" in page and "Rival" not in page
    assert ("New app" in page.split("<main")[1]) == (role in (Role.OWNER, Role.ADMIN))
    assert sign_in(rival.app.merchant).get(url("apps/")).status_code == 404


def test_many_apps_cost_what_one_does_and_the_switcher_can_be_searched(himal, owner, url):
    def cost() -> int:
        owner.get(url("apps/"))
        with CaptureQueriesContext(connection) as captured:
            owner.get(url("apps/"))
        return len(captured)

    few = cost()
    assert "Search your apps" not in body(owner.get(url("apps/")))
    plan = himal.app.merchant.plan
    plan.max_apps = 20
    plan.save()
    for number in range(8):
        himal.app.merchant.open_app(f"App {number}")
    assert cost() == few <= 12
    assert "Search your apps" in body(owner.get(url("apps/")))
