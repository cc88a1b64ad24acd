"""One person's data: all of it told, all of it without a name afterwards, and every sum as it was."""

import json
import threading
import time
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import connection, models, transaction

from fraud import deciding, undoing
from fraud.models import Decision
from fraud.people import _sentence
from incenta.accounts import people
from incenta.database import sql
from incenta.events import dispatch
from incentives import ledger
from incentives.boards import folding
from tests.cast import at_once
from tests.dashboard.conftest import sign_in
from tests.everything import one_of_everything
from tests.fraud.suspects import open_case, self_referred
from tests.marketplace.stalls import books_are_right, cancels, earns, opens, redeems, sells

pytestmark = pytest.mark.django_db

OF_PEOPLE = {"user_id", "referrer_id", "referee_id"}
NOT_OF_PEOPLE = {
    "accounts.Membership",  # who works for a merchant
    "account.EmailAddress",
    "mfa.Authenticator",
    "admin.LogEntry",
    "fraud.Decision",  # the analyst
}
"""Models whose ``user_id`` is a person at the merchant's, with an account of his own."""


def test_every_column_of_people_is_known_to_the_export_and_the_erasure():
    held = {(holding.model, column) for holding in people.holdings() for column in holding.people}
    columns = {
        (model, column.attname)
        for model in apps.get_models()
        for column in model._meta.concrete_fields
        if column.attname in OF_PEOPLE and model._meta.label not in NOT_OF_PEOPLE
        if isinstance(column, models.CharField)
    }
    assert columns - held == set()
    assert len(columns) > 15


STAYS_FOR_A_WHILE = {"api_requestlog"}
"""Tables whose rows go by themselves after days, as ``docs/people.md`` says."""


def rows_naming(app, text: str) -> list[str]:
    """Every row of every table that says ``text`` anywhere and stays: table and row."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            if not model._meta.managed or table in STAYS_FOR_A_WHILE:
                continue
            cursor.execute(f'SELECT t::text FROM "{table}" t WHERE t::text LIKE %s', [f"%{text}%"])
            found += [f"{table}: {row[0][:300]}" for row in cursor.fetchall()]
    return found


def test_all_that_is_held_is_told(himal, rival):
    names = one_of_everything(himal, "himal")
    told = himal.get(f"/users/{names['user_id']}/export")
    assert told.status == 200, told
    assert told["userId"] == names["user_id"]
    data = told["data"]
    assert {
        "referrals",
        "conversions",
        "rewards",
        "wallets",
        "events",
        "itemRedemptions",
        "marketplaceRedemptions",
    } <= set(data)
    assert {row["id"] for row in data["rewards"]} >= {names["reward_id"]}
    assert data["conversions"][0]["amountMinor"] == 8000
    assert "requestHash" not in data["conversions"][0]
    assert {event["type"] for event in data["feed"]} >= {"REFERRAL_CREATED", "REFERRAL_CONVERTED", "REWARD_CREATED"}

    for path in (f"/users/{names['user_id']}/export", "/users/nobody/export"):
        assert rival.get(path).status == 404
    assert rival.get("/users/nobody/export")["code"] == "user_not_found"


def test_a_long_life_is_told_and_erased_a_few_rows_at_a_time(himal, monkeypatch):
    code = himal.code(himal.campaign(firstTimeUserOnly=False), "asha", metadata={"note": "asha"})
    for number in range(5):
        assert himal.post("/clicks", {"referralCode": code, "refereeId": "asha"}).status == 200
        assert himal.convert(code, f"friend {number}", 10 + number).status == 201
    at_once_told = himal.get("/users/asha/export").json
    monkeypatch.setattr(people, "BATCH", 2)
    told = himal.get("/users/asha/export").json
    assert told["data"] == at_once_told["data"]
    assert [row["amountMinor"] for row in told["data"]["conversions"]] == [1000, 1100, 1200, 1300, 1400]
    assert himal.delete("/users/asha").status == 200
    assert rows_naming(himal.app, "asha") == []


def test_erased_is_nowhere_named_and_no_sum_has_moved(himal, rival):
    names = one_of_everything(himal, "himal")
    theirs = one_of_everything(rival, "rival")
    asha = names["user_id"]
    before = ledger.verify(himal.app)
    had = himal.get(f"/incentives/balances/{asha}").json

    assert rival.delete(f"/users/{asha}").status == 404
    erased = himal.delete(f"/users/{asha}")
    assert erased.status == 200, erased
    former = erased["userId"]
    assert former.startswith("former-member-")
    assert erased["records"]["wallets"] == 1

    assert rows_naming(himal.app, asha) == []
    after = ledger.verify(himal.app)
    assert after["ok"], after
    assert after["totals"] == before["totals"]
    assert himal.get(f"/incentives/balances/{former}").json | {"userId": asha, "asOf": None} == had | {"asOf": None}
    board = himal.get("/incentives/leaderboard").json
    assert former in [line["userId"] for line in board]
    assert himal.get(f"/referrals/{names['code']}").status == 404  # his codes are closed
    assert himal.convert(names["code"], "somebody").status == 404

    assert himal.delete(f"/users/{asha}").status == 404  # nothing is held any more
    assert rival.get(f"/users/{theirs['user_id']}/export").status == 200
    assert ledger.verify(rival.app)["ok"]


def test_a_friend_who_was_erased_is_no_new_customer_when_he_comes_back(himal):
    campaign, other = himal.campaign(), himal.campaign(name="Another")
    asha = himal.code(campaign)
    assert himal.convert(asha, "bikram").status == 201
    assert himal.delete("/users/bikram").status == 200

    again = himal.convert(asha, "bikram")
    assert (again.status, again["code"]) == (409, "already_converted")
    assert himal.convert(himal.code(campaign, "tara"), "bikram").status == 409
    assert himal.convert(himal.code(other), "bikram").status == 201  # there he is new
    assert himal.convert(asha, "devi").status == 201


def test_what_is_given_once_is_not_given_again_to_who_comes_back(himal):
    signup = {"key": "signup", "name": "Signs up", "type": "STANDARD", "coins": 50, "maxRepeats": 1}
    assert himal.post("/incentives/actions", signup).status == 201
    visit = {"key": "visit", "name": "Visits", "type": "STANDARD", "xp": 10}
    assert himal.post("/incentives/actions", visit).status == 201
    level = {"level": 1, "name": "One", "xpThreshold": 10, "coins": 5}
    assert himal.post("/incentives/levels", level).status == 201

    def does(action: str):
        return himal.post("/incentives/events", {"userId": "asha", "actionKey": action}).json

    assert does("signup")["balances"]["coins"] == 50
    assert does("visit")["balances"]["coins"] == 55
    assert himal.delete("/users/asha").status == 200

    assert does("signup")["notAwarded"]["code"] == "max_repeats"
    back = does("visit")
    assert back["balances"] == {"xp": 10, "coins": 0, "tokens": 0}
    assert back["level"] == 1
    assert ledger.verify(himal.app)["ok"]


def test_who_is_erased_twice_has_used_up_what_he_had_each_time(himal):
    campaign, other = himal.campaign(), himal.campaign(name="Another")
    signup = {"key": "signup", "name": "Signs up", "type": "STANDARD", "coins": 50, "maxRepeats": 1}
    assert himal.post("/incentives/actions", signup).status == 201
    does = {"userId": "bikram", "actionKey": "signup"}
    assert himal.convert(himal.code(campaign), "bikram").status == 201
    assert himal.post("/incentives/events", does)["awarded"]["coins"] == 50
    assert himal.delete("/users/bikram").status == 200
    assert himal.convert(himal.code(other), "bikram").status == 201
    assert himal.delete("/users/bikram").status == 200

    assert himal.convert(himal.code(campaign, "tara"), "bikram")["code"] == "already_converted"
    assert himal.convert(himal.code(other, "tara"), "bikram")["code"] == "already_converted"
    assert himal.post("/incentives/events", does)["notAwarded"]["code"] == "max_repeats"


def test_what_was_sent_is_forgotten_once_it_has_arrived(himal):
    from webhooks.models import WebhookDelivery, WebhookMessage

    assert himal.post("/webhooks", {"url": "https://hooks.himal.example/in", "events": ["*"]}).status == 201
    asha = himal.code(himal.campaign(), "asha the first")
    dispatch.dispatch()
    assert himal.convert(asha, "bikram").status == 201
    dispatch.dispatch()
    first = WebhookDelivery.objects.filter(app=himal.app).earliest("id")
    WebhookDelivery.objects.filter(app=himal.app).exclude(pk=first.pk).update(state="delivered")

    assert himal.delete("/users/asha%20the%20first").status == 200
    assert list(WebhookMessage.objects.filter(app=himal.app)) == [first.message]  # on its way: signed bytes stay


@pytest.mark.parametrize(
    "user", ["asha/", "asha ", " asha", "ASHA", "asha/export", "asha?x=1", "asha%2F", "../asha", "аsha", "asha\n"]
)
def test_an_id_that_looks_like_anothers_erases_nobody_else(himal, user):
    campaign = himal.campaign()
    for one in ("asha", user):
        assert himal.convert(himal.code(campaign, one), f"friend of {one}").status == 201
    answer = himal.delete(f"/users/{quote(user, safe='')}")
    assert himal.app.referrals.filter(referrer_id="asha").exists(), answer
    gone = not himal.app.referrals.filter(referrer_id=user).exists()
    assert (answer.status, gone) in ((200, True), (400, False), (405, False)), answer
    assert gone == (user not in ("asha/", "asha/export"))


@pytest.mark.parametrize("asha", ["asha the first", "Zoë ✓ \\ the first"])
def test_what_is_told_of_others_names_him_no_more(himal, asha):
    """Who shared a device with whom stands in the cases of each, in what was decided, and in the trace of each order."""
    campaign, seen = himal.campaign(), {"deviceId": "device-7", "paymentFingerprint": "card-7"}

    def orders(referrer: str, friend: str) -> None:
        assert himal.convert(himal.code(campaign, referrer), friend, 50, context=seen).status == 201

    for number in range(3):
        orders(asha, f"bikram {number}")
        orders(f"tara {number}", f"devi {number}")
    orders("tara 0", asha)
    orders("tara 0", "chandra")
    flag = himal.get("/fraud/flags?status=OPEN&limit=1")["flags"][0]
    assert himal.post(f"/fraud/flags/{flag['id']}/resolve", {"decision": "APPROVE", "note": "A family"}).status == 200

    def told() -> str:
        traces = himal.app.conversions.values_list("trace", flat=True)
        flags = himal.app.fraud_flags.exclude(user_id=asha).values_list("evidence", flat=True)
        scores = himal.app.fraud_scores.values_list("reasons", flat=True)
        return json.dumps([*traces, *flags, *scores], ensure_ascii=False)

    named = told().count(json.dumps(asha, ensure_ascii=False))
    former = himal.delete(f"/users/{quote(asha, safe='')}")["userId"]
    assert json.dumps(asha, ensure_ascii=False) not in told() and told().count(former) >= named > 3
    assert rows_naming(himal.app, "the first") == []
    assert himal.app.conversions.count() == 8 and ledger.verify(himal.app)["ok"]


def test_an_id_that_is_an_everyday_word_spoils_nothing(himal):
    code = himal.code(himal.campaign(), "USD")
    made = himal.convert(code, "5")
    assert made.status == 201
    assert himal.delete("/users/USD").status == 200
    assert himal.delete("/users/5").status == 200
    conversion = himal.get(f"/conversions/{made['conversionId']}")
    assert conversion["currency"] == "USD"
    told = [himal.app.events.get(type="REFERRAL_CONVERTED").data]
    assert told[0]["currency"] == "USD"
    assert told[0]["refereeId"].startswith("former-member-")
    assert told[0]["amount"] == 50


WAITS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%incentives_wallet%'"""
KEPT_OUT = WAITS.replace("incentives_wallet", "people.naming")


def while_erased(app, user_id: str, act):
    """``act`` in a thread of its own: it waits for the wallet or the lock that the erasure has, and goes on when all is erased."""
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(at_once(1, lambda place: act())))
    with transaction.atomic():
        people.erase(app, user_id)
        thread.start()
        deadline = time.monotonic() + 20
        while not (sql.row(WAITS)[0] or sql.row(KEPT_OUT)[0]):
            sql.row("SELECT pg_stat_clear_snapshot()")
            assert time.monotonic() < deadline, "nobody waits"
    thread.join()
    return answers[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "what", ["convert", "approve", "pay_many", "release", "return_item", "return_offer", "reverse"]
)
def test_what_waited_for_the_erasure_meets_the_former_member(himal, what):
    """Not his old name, which was read before: no row brings it back, and nothing breaks."""
    asha = "asha the first"
    code = himal.code(himal.campaign(rewardModel="FIXED", rewardValue=5), asha)
    made = himal.convert(code, "bikram")
    opens(himal)
    earns(himal, asha)
    item = himal.post("/incentives/catalog", {"name": "Mug", "coinCost": 10})
    taken = himal.post("/incentives/redeem", {"userId": asha, "itemId": item["id"]})
    bought = redeems(himal, sells(himal), asha)
    reward = made["rewardId"]
    if what == "release":
        himal.post(f"/rewards/{reward}/hold", {"note": "Wait"})
    cancelled = {"status": "CANCELLED"}
    acts = {
        "convert": lambda: himal.convert(code, "devi"),
        "approve": lambda: himal.post(f"/rewards/{reward}/approve"),
        "pay_many": lambda: himal.post("/rewards/pay", {"ids": [reward], "payoutReference": "run 7"}),
        "release": lambda: himal.post(f"/rewards/{reward}/release"),
        "return_item": lambda: himal.patch(f"/incentives/redemptions/{taken['redemptionId']}", cancelled),
        "return_offer": lambda: cancels(himal, bought["redemptionId"]),
        "reverse": lambda: himal.post(f"/conversions/{made['conversionId']}/reverse", {"reason": "Returned"}),
    }
    answer = while_erased(himal.app, asha, acts[what])
    assert answer.status == (404 if what == "convert" else 200), answer
    assert rows_naming(himal.app, asha) == []
    books_are_right(himal.app)


@pytest.mark.parametrize("verdict", ["APPROVE", "REJECT"])
@pytest.mark.parametrize("user", ["mallory the first", 'ma"l\\ory (ü)', "former"])
def test_what_followed_from_a_decision_names_him_no_more(himal, user, verdict):
    """The sentences, too: as who refers, as the friend, and by his code."""
    self_referred(himal, user)
    deciding.decide(himal.app, open_case(himal).pk, verdict, note="One person", actor="sam")
    code = himal.code(himal.campaign(), "asha", refereeId="asha")
    himal.convert(code, user, 50)
    himal.post(f"/referrals/{code}/flag", {"reason": "Shared in a forum"})
    deciding.decide(himal.app, open_case(himal).pk, verdict, note="Shared", actor="sam")
    said = json.dumps(list(Decision.objects.values_list("effects", flat=True)))
    assert json.dumps(user)[1:-1] in said
    name = people.erase(himal.app, user)["userId"]
    if user != "former":
        assert rows_naming(himal.app, json.dumps(user)[1:-1]) == rows_naming(himal.app, user) == []
    sentences = [effect["text"] for effects in Decision.objects.values_list("effects", flat=True) for effect in effects]
    assert any(name in each for each in sentences)
    assert not any(f" {user} " in each for each in sentences)


@pytest.mark.parametrize(
    ("user", "sentence", "told"),
    [
        ("USD", "USD 5.00 of USD is taken back.", "USD 5.00 of Z is taken back."),
        ("5", "5 falls from level 3 to 5.", "Z falls from level 3 to 5."),
        ("5", "5 XP of 5 is taken back.", "5 XP of Z is taken back."),
        ("5", "500 coins were given to 5 and stay; they cannot be spent during the review.",
         "500 coins were given to Z and stay; they cannot be spent during the review."),
        ("5", "The conversion of 5 by 5's code AB-1 counts.", "The conversion of Z by Z's code CD-2 counts."),
        ("asha", "USD 1.00 of asha: It was paid already: propose to take it back.",
         "USD 1.00 of Z: It was paid already: propose to take it back."),
        ("asha", "AB-1 stays flagged for good.", "CD-2 stays flagged for good."),
    ],
)  # fmt: skip
def test_a_sentence_changes_where_it_names_people(user, sentence, told):
    person = people.Person(None, user, "Z", {"AB-1": "CD-2"})
    assert _sentence(sentence, person, is_his=True) == told


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["reject", "approve", "undo"])
def test_a_ruling_that_waited_for_the_erasure_names_the_former_member(himal, what):
    mallory = "mallory the first"
    self_referred(himal, mallory)
    case = open_case(himal)
    verdict = {"verdict": "APPROVE" if what == "approve" else "REJECT", "note": "One person"}
    decide = f"/fraud/cases/{case.pk}/decide"
    decision = (
        deciding.decide(himal.app, case.pk, "REJECT", note="One person", actor="sam").decision.pk
        if what == "undo"
        else ""
    )
    acts = {
        "reject": lambda: himal.post(decide, verdict),
        "approve": lambda: himal.post(decide, verdict),
        "undo": lambda: undoing.undo(himal.app, decision, actor="sam"),
    }
    answer = while_erased(himal.app, mallory, acts[what])
    assert not isinstance(answer, BaseException), answer
    assert getattr(answer, "status", 200) == 200, answer
    assert rows_naming(himal.app, mallory) == []
    books_are_right(himal.app)


@pytest.mark.django_db(transaction=True)
def test_a_button_that_waited_for_the_erasure_says_so(himal):
    made = himal.convert(himal.code(himal.campaign(rewardModel="FIXED", rewardValue=5), "asha"), "bikram")
    owner = sign_in(himal.app.merchant)
    where = f"/dashboard/{himal.app.pk}/rewards/{made['rewardId']}/"
    answer = while_erased(himal.app, "asha", lambda: owner.post(f"{where}approve/"))
    assert answer.url == where and "please try again" in owner.get(where).content.decode()
    owner.post(f"{where}approve/")
    assert himal.app.rewards.get().status == "APPROVED"


@pytest.mark.django_db(transaction=True)
def test_a_fold_beside_the_erasure_loses_no_score(himal):
    """It would read the scores as they were before, and write them under a name that has some."""
    himal.post("/incentives/actions", {"key": "visit", "name": "Visits", "type": "STANDARD", "xp": 5})
    visit = {"userId": "asha", "actionKey": "visit"}
    himal.post("/incentives/events", visit)
    folding.fold()
    himal.post("/incentives/events", visit)
    fold = threading.Thread(target=lambda: at_once(1, lambda place: folding.fold()))
    with transaction.atomic():
        name = people.erase(himal.app, "asha")["userId"]
        fold.start()
        deadline = time.monotonic() + 20
        while fold.is_alive() and not sql.row(WAITS.replace("incentives_wallet", "incentives_boarddelta"))[0]:
            sql.row("SELECT pg_stat_clear_snapshot()")
            assert time.monotonic() < deadline, "it neither ends nor waits"
    fold.join()
    folding.fold()
    assert himal.get(f"/incentives/leaderboard/{name}")["xp"] == 10
    assert himal.post("/incentives/leaderboard/refresh")["drift"] == 0


@pytest.mark.django_db(transaction=True)
def test_thirty_requests_while_he_is_erased(himal):
    assert (
        himal.post("/incentives/actions", {"key": "visit", "name": "Visits", "type": "STANDARD", "coins": 1}).status
        == 201
    )
    himal.post("/incentives/events", {"userId": "asha", "actionKey": "visit"})

    def act(place: int):
        if place % 5 == 4:
            return himal.delete("/users/asha")
        return himal.post("/incentives/events", {"userId": "asha", "actionKey": "visit"})

    answers = at_once(30, act)
    assert {answer.status for answer in answers} <= {200, 201, 404}
    recorded = 1 + sum(answer.status == 201 for answer in answers)
    verified = ledger.verify(himal.app)
    assert verified["ok"], verified
    assert himal.app.wallets.count() >= 2
    assert sum(wallet.coins for wallet in himal.app.wallets.all()) == recorded
