"""One of everything that an app can hold, made through the API as a merchant makes it, and everything's names."""

from datetime import timedelta
from itertools import count

from django.utils import timezone

from fraud import attachments, backtesting
from incenta.accounts import team
from incenta.accounts.models import App, Membership
from incenta.api import request_log
from incenta.ids import new_id
from marketplace import profiles
from referrals import payouts, reward_batches
from tests.cast import Caller, caller

level_numbers = count(61_001)

Names = dict[str, str]
"""What a path, a body or a query may name -> its value in one app."""


def one_of_everything(caller: Caller, name: str) -> Names:
    """``name`` marks everything: it stands in each text and user id that the app is told."""
    asha, bikram = f"{name}-asha", f"{name}-bikram"
    order, metadata = f"{name}-order-1", {"note": f"{name}-note"}
    discount = {"type": "PERCENTAGE", "value": 10}
    campaign = caller.campaign(name=f"{name}-friends", fulfillmentType="DISCOUNT_CODE", discount=discount)
    referral = caller.post("/referrals", {"campaignId": campaign, "referrerId": asha, "metadata": metadata})
    code = referral["referralCode"]
    click = caller.post("/clicks", {"referralCode": code, "refereeId": bikram})
    conversion = caller.convert(code, bikram, 80, externalId=order, metadata=metadata)
    assert conversion.status == 201, conversion
    claimed = caller.convert(code, f"{name}-chandra", 40)
    coupon = caller.post(f"/rewards/{claimed['rewardId']}/claim")
    endpoint = caller.post("/webhooks", {"url": f"https://{name}.example/hooks", "events": ["*"], "description": name})
    assert endpoint.status == 201, endpoint
    delivery = caller.post(f"/webhooks/{endpoint['id']}/test", {"event": "REWARD_CREATED"})
    assert delivery.status == 201, delivery
    replay = caller.post(f"/webhooks/{endpoint['id']}/recover", {"since": "2026-01-01T00:00:00Z"})
    assert replay.status == 202, replay
    points = points_of_everything(caller, name, asha)
    market = market_of_everything(caller, name, asha)
    rules = fraud_rules_of_everything(caller, name, asha)
    reviewed = review_of_everything(caller, name, campaign)
    app: App = caller.app
    owner = app.merchant.memberships.first()
    request_log.flush()
    app.merchant.invitations.update(created_at=timezone.now() - timedelta(days=2))  # for each route one, and 50 a day
    return {
        "app_id": app.pk,
        "merchant_id": app.merchant_id,
        "key_id": app.api_keys.first().pk,
        "member_id": owner.pk,
        "invitation_id": team.invite(app.merchant, f"{name}-ganga@example.com", "ANALYST", by=owner).pk,
        "campaign_id": campaign,
        "referral_id": referral["referralId"],
        "code": code,
        "slug": app.referrals.get(code=code).slug,
        "click_id": click["clickId"],
        "conversion_id": conversion["conversionId"],
        "reward_id": conversion["rewardId"],
        "claimed_reward_id": claimed["rewardId"],
        "payout_id": payout_of_everything(app, claimed["rewardId"], owner),
        "discount_code": coupon["discountCode"],
        "webhook_id": endpoint["id"],
        "delivery_id": delivery["id"],
        "replay_id": replay["id"],
        "request_id": app.request_logs.order_by("pk").first().pk,
        **points,
        **market,
        **rules,
        **reviewed,
        "event_id": app.events.order_by("id").first().pk,
        "user_id": asha,
        "referee_id": bikram,
        "external_id": order,
    }


def payout_of_everything(app: App, reward_id: str, owner: Membership) -> str:
    """A payout that waits for a second person."""
    seen = reward_batches.look(app, reward_batches.Verb.PAY, [reward_id]).seen
    return payouts.propose(app, seen, reference="", by=owner).pk


def points_of_everything(caller: Caller, name: str, user: str) -> Names:
    """The incentive room's part: rules, an event, what it brought, an item and its redemption."""

    def made(path: str, body: dict) -> dict:
        answer = caller.post(f"/incentives{path}", body)
        assert answer.status == 201, (path, answer)
        return answer.json

    action = made("/actions", {"key": f"{name}-visit", "name": name, "type": "STANDARD", "xp": 5, "coins": 5})
    badge = made(
        "/badges", {"key": f"{name}-badge", "name": name, "criteria": {"actionKey": action["key"], "count": 1}}
    )
    milestone = made("/milestones/rules", {"key": f"{name}-milestone", "metric": "events", "threshold": 1, "coins": 1})
    made("/events", {"userId": user, "actionKey": action["key"], "metadata": {"note": f"{name}-note"}})
    number = next(level_numbers)
    made("/levels", {"level": number, "name": name, "xpThreshold": number * 1_000, "backfill": True})
    made("/adjustments", {"userId": user, "coins": 100, "reason": f"{name}-thanks"})
    item = made("/catalog", {"name": f"{name}-mug", "coinCost": 10})
    redemption = made("/redeem", {"userId": user, "itemId": item["id"]})
    return {
        "action_key": action["key"],
        "badge_key": badge["key"],
        "milestone_key": milestone["key"],
        "level": str(number),
        "item_id": item["id"],
        "redemption_id": redemption["redemptionId"],
        "backfill_id": caller.app.backfills.first().pk,
    }


def fraud_rules_of_everything(caller: Caller, name: str, user: str) -> Names:
    """What people say of fraud beforehand: lists, mutes, a version of the rules and a backtest of it."""

    def made(path: str, body: dict) -> str:
        answer = caller.post(f"/fraud{path}", body)
        assert answer.status == 201, (path, answer)
        return answer["id"]

    rule_set = made("/rule-sets", {"name": name, "rules": {"caps": {"NETWORK": 20}}, "note": f"{name}-note"})
    backtest = made("/backtests", {"ruleSetId": rule_set})
    backtesting.run(backtest)
    return {
        "entry_id": made("/lists", {"side": "DENY", "kind": "USER", "value": f"{name}-mallory", "reason": name}),
        "mute_id": made("/mutes", {"signal": "DEVICE_SHARED", "userId": user, "reason": name}),
        "rule_set_id": rule_set,
        "backtest_id": backtest,
    }


def review_of_everything(caller: Caller, name: str, campaign: str) -> Names:
    """What is in review: a flag, its case, and a decision of another one."""

    def suspect(user: str) -> dict:
        made = caller.convert(caller.code(campaign, user, refereeId=user), user, 20)
        assert made["status"] == "FLAGGED", made
        return caller.get(f"/fraud/flags?subject={made['conversionId']}")["flags"][0]

    flag, other = suspect(f"{name}-devi"), suspect(f"{name}-ekta")
    decided = caller.post(f"/fraud/cases/{other['caseId']}/decide", {"verdict": "APPROVE", "note": f"{name}-note"})
    assert decided.status == 200, decided
    file = (f"{name}-chat.txt", f"{name}-note".encode())
    [kept] = attachments.add(caller.app, flag["caseId"], [file], note=f"{name}-note", actor="user:1").added
    return {
        "attachment_id": kept.pk,
        "flag_id": flag["id"],
        "case_id": flag["caseId"],
        "suspect_id": flag["subject"]["id"],
        "decision_id": decided["decisionId"],
    }


def market_of_everything(who: Caller, name: str, user: str) -> Names:
    """The marketplace's part: a business, a listing with a promotion, and what a user of the app redeemed, here and at a partner.

    Businesses are known to everybody, and so bear no mark; each app lets its users see its own and its partner's only.
    """
    market = "/incentives/marketplace"

    def made(seller: Caller, path: str, body: dict) -> dict:
        answer = seller.post(f"{market}{path}", body)
        assert answer.status == 201, (path, answer)
        return answer.json

    def business_of(seller: Caller) -> str:
        profile = profiles.of(seller.app)
        if profile is None:
            profile = profiles.verify(made(seller, "/profile", {"name": seller.app.name})["id"])
        return profile.pk

    partner = partner_of(who)
    business, partners = business_of(who), business_of(partner)
    settings = {"joined": True, "allowedBusinesses": [business, partners]}
    assert who.patch(f"{market}/settings", settings).status == 200
    coffee = {"title": f"{name}-coffee", "coinCost": 10, "coinRate": 0.01, "codePrefix": "CAFE"}
    listing = made(who, "/listings", coffee)["id"]
    promotion = made(
        who, "/promotions", {"listingId": listing, "percentOff": 10, "endsAt": "2099-01-01T00:00:00Z", "name": name}
    )
    redemption = made(who, "/redeem", {"listingId": listing, "userId": user})
    tea = made(partner, "/listings", coffee | {"title": f"{name}-tea"})["id"]
    made(who, "/redeem", {"listingId": tea, "userId": user})
    return {
        "business_id": business,
        "listing_id": listing,
        "promotion_id": promotion["id"],
        "marketplace_redemption_id": redemption["redemptionId"],
        "marketplace_code": redemption["discountCode"],
    }


def partner_of(who: Caller) -> Caller:
    """Another app of the same merchant, in the same world: live or sandbox. One key serves it for good."""
    if who.app.pk in _partners:
        return _partners[who.app.pk]
    partner = App.objects.create(merchant=who.app.merchant, name=f"Partner of {who.app.name}")
    if who.app.is_sandbox:
        partner.sandbox_of = App.objects.create(merchant=who.app.merchant, name="Live partner")
        partner.save()
    else:
        App.objects.create(merchant=who.app.merchant, name="Partner's sandbox", sandbox_of=partner)
    found = _partners[who.app.pk] = caller(partner)
    return found


_partners: dict[str, Caller] = {}


PREFIXES = {
    "app_id": "app",
    "merchant_id": "mer",
    "key_id": "key",
    "member_id": "mem",
    "invitation_id": "inv",
    "campaign_id": "camp",
    "referral_id": "ref",
    "click_id": "click",
    "conversion_id": "conv",
    "reward_id": "rew",
    "claimed_reward_id": "rew",
    "payout_id": "pout",
    "webhook_id": "whk",
    "delivery_id": "dlv",
    "replay_id": "rpl",
    "request_id": "req",
    "event_id": "msg",
    "item_id": "item",
    "redemption_id": "rdm",
    "backfill_id": "bkf",
    "business_id": "biz",
    "listing_id": "lst",
    "promotion_id": "prm",
    "marketplace_redemption_id": "rdm",
    "entry_id": "lent",
    "mute_id": "mute",
    "rule_set_id": "rset",
    "backtest_id": "bkt",
    "flag_id": "flag",
    "case_id": "case",
    "attachment_id": "file",
    "suspect_id": "conv",
    "decision_id": "dcs",
}


def names_of_nothing() -> Names:
    """The same names, of nothing that exists."""
    return {name: new_id(prefix) for name, prefix in PREFIXES.items()} | {
        "action_key": "no-such-action",
        "badge_key": "no-such-badge",
        "milestone_key": "no-such-milestone",
        "level": "99999",
        "code": "ZQZQZQZQ",
        "slug": "ZQZQZQZQ",
        "discount_code": "ZQZQ-ZQZQZQZQ",
        "marketplace_code": "CAFE-ZQZQZQZQZQZQZQ",
        "user_id": "nobody-at-all",
        "referee_id": "nobody-at-all-either",
        "external_id": "no-such-order",
    }
