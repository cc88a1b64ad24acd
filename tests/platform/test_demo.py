"""``manage.py demo``: made once, whole, and quick enough to be made at each start."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from incenta.accounts.models import App
from incentives import ledger
from incentives.models import Wallet
from marketplace import settlement
from marketplace.models import Listing, Redemption, RedemptionStatus
from tests.cast import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings):
    settings.DEBUG = True

    def make() -> dict:
        printed = io.StringIO()
        call_command("demo", json=True, stdout=printed)
        return json.loads(printed.getvalue())

    return make


def made() -> dict:
    models = [App, Listing, Redemption]
    return {model.__name__: model.objects.count() for model in models} | {
        "codes": sum(listing.codes.count() for listing in Listing.objects.all()),
        "events": sum(app.events.count() for app in App.objects.all()),
        "coins": list(Wallet.objects.order_by("app_id", "user_id").values_list("user_id", "coins")),
    }


def test_a_second_run_makes_nothing_twice(demo):
    first = demo()
    before = made()
    assert demo() == first
    assert made() == before
    assert set(Redemption.objects.values_list("status", flat=True)) >= {
        RedemptionStatus.PENDING,
        RedemptionStatus.FULFILLED,
        RedemptionStatus.CANCELLED,
    }
    for app in App.objects.all():
        assert ledger.verify(app)["ok"]
        assert settlement.verify(app) == []


def test_its_listing_is_redeemed_again_and_again_by_who_has_coins(demo):
    told = demo()
    shop = Caller(App.objects.get(campaigns=told["campaignId"]), told["apiKey"])
    assert [each["listingId"] for each in shop.get("/incentives/marketplace/verify/poor")["listings"]] == []
    assert told["listingId"] in [
        each["listingId"] for each in shop.get("/incentives/marketplace/verify/asha")["listings"]
    ]
    shop.post("/incentives/adjustments", {"userId": "buyer", "coins": 100_000, "reason": "Gift"})
    codes = {
        shop.post("/incentives/marketplace/redeem", {"listingId": told["listingId"], "userId": "buyer"})["discountCode"]
        for _ in range(5)
    }
    assert len(codes) == 5
    refused = shop.post("/incentives/marketplace/redeem", {"listingId": told["listingId"], "userId": "poor"})
    assert (refused.status, refused["code"]) == (409, "insufficient_balance")


def test_both_merchants_can_sign_in_and_everybody_sees_the_market(demo):
    told = demo()
    for who in ("login", "partner"):
        assert Client().login(**told[who]), who
    page = Client().get("/market").content.decode()
    assert "A coffee and a slice of cake" in page
    assert "Himal Outfitters" in page


def test_it_is_refused_where_secrets_would_be_known(settings):
    settings.DEBUG = False
    with pytest.raises(CommandError, match="only where DEBUG is on"):
        call_command("demo")
