"""The pages of fraud's rules and lists: who may, drafting, trying on the past, shadow, activation by another, rollback, lists, mutes."""

import re

import pytest

from fraud import backtesting, rule_sets
from fraud.models import ListEntry, Mute, RuleSet
from fraud.weights import signals
from incenta.accounts.models import Role
from tests.cast import Caller
from tests.dashboard.conftest import body, sign_in, statements
from tests.fraud.test_backtests import OFF, scored, verdict
from tests.fraud.test_precision import reviewed

pytestmark = pytest.mark.django_db

OWNER, ADMIN, ANALYST, DEVELOPER = Role.OWNER, Role.ADMIN, Role.ANALYST, Role.DEVELOPER
READERS, MAKERS = {OWNER, ADMIN, ANALYST}, {OWNER, ADMIN}
PAGES = {
    "fraud/rules/": READERS,
    "fraud/rules/new/": MAKERS,
    "fraud/rules/versions/": READERS,
    "fraud/rules/versions/{version}/": READERS,
    "fraud/backtests/{backtest}/": READERS,
    "fraud/settings/": READERS,
    "fraud/lists/": READERS,
    "fraud/lists/?export=csv": READERS,
    "fraud/lists/new/": READERS,
    "fraud/mutes/": READERS,
    "fraud/mutes/new/": READERS,
}
ENTRY = {"side": "DENY", "kind": "IP", "value": "203.0.113.0/24", "reason": "A click farm", "ends": "30"}
MUTE = {"signal": "DEVICE_SHARED", "user_id": "asha", "days": "90", "reason": "A family"}
BUTTONS = {
    "fraud/rules/versions/{version}/try/": (READERS, {"days": "30"}),
    "fraud/rules/versions/{version}/shadow/": (MAKERS, {}),
    "fraud/rules/versions/{version}/activate/": (MAKERS, {"replaces": "0"}),
    "fraud/rules/versions/{version}/retire/": (MAKERS, {}),
    "fraud/lists/new/": (READERS, ENTRY),
    "fraud/lists/{entry}/remove/": (READERS, {}),
    "fraud/mutes/new/": (READERS, MUTE),
    "fraud/mutes/{mute}/end/": (READERS, {}),
}


def filled(path: str, shop: Caller) -> str:
    version = rule_sets.create(shop.app, OFF, actor="tests")
    return f"/dashboard/{shop.app.pk}/" + path.format(
        version=version.pk,
        backtest=backtesting.begin(shop.app, version.pk, actor="tests").pk,
        entry=shop.post("/fraud/lists", {"side": "DENY", "kind": "USER", "value": "mallory"})["id"],
        mute=shop.post("/fraud/mutes", {"signal": "DEVICE_SHARED", "userId": "mallory"})["id"],
    )


def state(shop: Caller) -> tuple:
    return (
        list(shop.app.fraud_rule_sets.order_by("version").values_list("state", "activated_by")),
        shop.app.fraud_list.filter(removed_at=None).count(),
        shop.app.fraud_mutes.filter(removed_at=None).count(),
        shop.app.fraud_backtests.count(),
    )


@pytest.mark.parametrize("role", sorted([OWNER, ADMIN, ANALYST, DEVELOPER]))
def test_pages_open_for_their_roles(himal, rival, role):
    browser = sign_in(himal.app.merchant, role)
    wrong = []
    for path, roles in PAGES.items():
        RuleSet.objects.all() and himal.app.fraud_backtests.all().delete()
        himal.app.fraud_list.all().delete()
        where = filled(path, himal)
        status = browser.get(where).status_code
        if status != (200 if role in roles else 403):
            wrong.append((path, status))
        if "{" in path and role == OWNER:
            himal.app.fraud_list.all().delete()
            strange = sign_in(rival.app.merchant)
            assert strange.get(where).status_code == 404
            assert strange.get(where.replace(himal.app.pk, rival.app.pk)).status_code == 404
    assert not wrong


@pytest.mark.parametrize("role", sorted([OWNER, ADMIN, ANALYST, DEVELOPER]))
@pytest.mark.parametrize("path", BUTTONS)
def test_buttons_work_for_their_roles(himal, rival, path, role):
    roles, sent = BUTTONS[path]
    where = filled(path, himal)
    before = state(himal)
    strange = sign_in(rival.app.merchant)
    assert strange.post(where, sent).status_code == 404
    if "{" in path:
        assert strange.post(where.replace(himal.app.pk, rival.app.pk), sent).status_code == 404
        assert sign_in(himal.app.merchant).get(where).status_code == 405
    assert state(himal) == before
    answer = (
        sign_in(himal.app.merchant, role).post(where, sent)
        if role != OWNER
        else sign_in(himal.app.merchant).post(where, sent)
    )
    assert answer.status_code == (302 if role in roles else 403)
    assert (state(himal) != before) == (role in roles)


def draft(owner, url, **changes) -> str:
    """The form of a new draft as it stands, with changes; answers where it leads."""
    page = body(owner.get(url("fraud/rules/new/")))
    sent = dict(re.findall(r'<input type="text" name="((?:points|cap)_\w+)" value="(\d+)"', page))
    sent |= dict.fromkeys(re.findall(r'name="(on_\w+)"[^>]* checked', page), "on")
    for name, value in changes.items():
        sent[name] = value
        if value is None:
            del sent[name]
    answer = owner.post(url("fraud/rules/new/"), sent)
    assert answer.status_code == 302, body(answer)
    return answer.url


def test_a_draft_says_only_what_was_changed(himal, owner, url):
    where = draft(
        owner, url, name="Softer", note="Families", points_DEVICE_SHARED="20", on_UA_BOT=None, cap_NETWORK="10"
    )
    made = RuleSet.objects.get()
    ua_bot = signals()["UA_BOT"].points
    assert made.rules == {
        "signals": {"DEVICE_SHARED": {"on": True, "points": 20}, "UA_BOT": {"on": False, "points": ua_bot}},
        "caps": {"NETWORK": 10},
    }
    assert made.author == owner.user and made.author_name == f"user:{owner.user.pk}"
    page = body(owner.get(where))
    assert "Version 1, Softer" in page and "DEVICE_SHARED" in page and "Families" in page


def test_a_wrong_number_is_told_beside_its_box_and_nothing_is_made(himal, owner, url):
    answer = owner.post(url("fraud/rules/new/"), {"name": "x", "on_DEVICE_SHARED": "on", "points_DEVICE_SHARED": "250"})
    page = body(answer)
    assert (
        answer.status_code == 422 and "Must be a whole number from 0 to 100." in page and not RuleSet.objects.exists()
    )
    assert 'value="250"' in page


def test_a_draft_is_tried_put_in_shadow_activated_and_rolled_back(himal, owner, url):
    held = scored(himal, 3)
    verdict(himal, held[0], "APPROVED")
    where = draft(owner, url, on_DEVICE_SHARED=None)
    tried = owner.post(f"{where}try/", {"days": "7"})
    backtesting.run_all()
    page = body(owner.get(tried.url))
    assert "No longer flagged: 3" in page and held[1] in page and "0 % (0 to" not in page
    assert "Honest, left alone" in page
    owner.post(f"{where}shadow/")
    assert "In shadow since" in body(owner.get(where)) and "In shadow since" in body(owner.get(url("fraud/rules/")))
    owner.post(f"{where}activate/", {"replaces": "0"})
    assert RuleSet.objects.get().state == "ACTIVE" and "Version 1" in body(owner.get(url("fraud/rules/")))
    second = draft(owner, url, points_DEVICE_SHARED="5", on_DEVICE_SHARED="on")
    stale = owner.post(f"{second}activate/", {"replaces": "0"}, follow=True)
    assert "was activated by" in body(stale) and RuleSet.objects.get(version=2).state == "DRAFT"
    owner.post(f"{second}activate/", {"replaces": "1"})
    assert "Roll back to this" in body(owner.get(where))
    assert "is in force again" in body(owner.post(f"{where}activate/", {"replaces": "2"}, follow=True))
    page = body(owner.get(url("fraud/rules/versions/")))
    assert "Version 1 rolled back" in page and "in place of version 2" in page


def test_with_two_persons_another_activates(himal, owner, url):
    settings = {"seen": "0", "watch_at": "30", "coin_hold_at": "60", "sample_per_thousand": "10", "two_person": "on"}
    assert owner.post(url("fraud/settings/"), settings).status_code == 302
    where = draft(owner, url, points_DEVICE_SHARED="5")
    assert "somebody else has to activate it" in body(owner.get(where))
    assert "somebody else has to activate it" in body(owner.post(f"{where}activate/", follow=True))
    admin = sign_in(himal.app.merchant, ADMIN)
    assert "is in force from now on" in body(admin.post(f"{where}activate/", {"replaces": "0"}, follow=True))
    version = str(himal.app.fraud_settings.version)
    off = {name: value for name, value in settings.items() if name != "two_person"} | {"seen": version}
    refused = admin.post(url("fraud/settings/"), off)
    assert refused.status_code == 422 and "Only an owner turns this off" in body(refused)
    assert owner.post(url("fraud/settings/"), off).status_code == 302
    himal.app.fraud_settings.refresh_from_db()
    assert not himal.app.fraud_settings.two_person


def test_settings_changed_meanwhile_are_not_overrun(himal, owner, url):
    sent = {"seen": "0", "watch_at": "20", "coin_hold_at": "60", "sample_per_thousand": "10"}
    himal.patch("/fraud/settings", {"watchAt": 25})
    refused = owner.post(url("fraud/settings/"), sent)
    assert refused.status_code == 422 and "meanwhile" in body(refused)
    analyst = sign_in(himal.app.merchant, ANALYST)
    assert analyst.post(url("fraud/settings/"), sent | {"seen": "1"}).status_code == 403
    assert himal.get("/fraud/settings")["watchAt"] == 25


def test_an_entry_is_put_on_a_list_found_and_taken_off(himal, owner, url):
    assert owner.post(url("fraud/lists/new/"), ENTRY).url == url("fraud/lists/")
    entry = ListEntry.objects.get()
    assert entry.expires_at and entry.actor == f"user:{owner.user.pk}"
    again = owner.post(url("fraud/lists/new/"), ENTRY | {"value": "203.0.113.77/24"})
    assert again.status_code == 422 and "is on the deny list already" in body(again)
    wrong = owner.post(url("fraud/lists/new/"), ENTRY | {"value": "office"})
    assert wrong.status_code == 422 and "Must be an IPv4 or IPv6 address" in body(wrong)
    assert "203.0.113.0/24" in body(owner.get(url("fraud/lists/?q=113&side=DENY&kind=IP")))
    assert "No entry matches" in body(owner.get(url("fraud/lists/?q=198.51")))
    for query in ("203.0.113.0/24", "198.51"):
        asked = statements(owner, url(f"fraud/lists/?q={query}&side=DENY"))
        whole = [each for each in asked if "fraud_listentry" in each and each.startswith("SELECT 1")]
        assert len(whole) == 1, whole
    assert "203.0.113.0/24,A click farm" in body(owner.get(url("fraud/lists/?export=csv")))
    owner.post(url(f"fraud/lists/{entry.pk}/remove/"))
    assert "The lists are empty" in body(owner.get(url("fraud/lists/")))


def test_a_signal_is_muted_for_a_user_and_speaks_again(himal, owner, url):
    assert owner.post(url("fraud/mutes/new/"), MUTE).status_code == 302
    mute = Mute.objects.get()
    assert "asha" in body(owner.get(url("fraud/mutes/")))
    nobody = owner.post(url("fraud/mutes/new/"), MUTE | {"user_id": ""})
    assert nobody.status_code == 422
    owner.post(url(f"fraud/mutes/{mute.pk}/end/"))
    assert "Every signal speaks" in body(owner.get(url("fraud/mutes/")))


def test_every_signal_is_on_the_page_with_its_record(himal, owner, url):
    subject = scored(himal, 1)[0]
    verdict(himal, subject, "REJECTED")
    page = body(owner.get(url("fraud/rules/")))
    assert all(f"<code>{code}</code>" in page for code in signals())
    assert "right in 1 of 1 reviewed" in page and "not reviewed yet" in page and "The built-in rules." in page


def test_the_pages_cost_the_same_at_any_number_of_rows(himal, owner, url, django_assert_max_num_queries):
    for place in range(30):
        rule_sets.create(himal.app, OFF, actor=f"user:{owner.user.pk}")
        himal.post("/fraud/lists", {"side": "DENY", "kind": "USER", "value": f"mallory {place}"})
    owner.get(url("fraud/rules/"))  # the first page of all notes who is there, and counts for the bell
    for path in ("fraud/rules/", "fraud/rules/versions/", "fraud/lists/", "fraud/mutes/", "fraud/settings/"):
        with django_assert_max_num_queries(20):
            assert owner.get(url(path)).status_code == 200


def test_a_campaigns_own_rules_are_shown_and_drafted_from(himal, owner, url):
    campaign = himal.campaign(name="Bring a friend")
    own = rule_sets.create(himal.app, {"signals": {"IP_SHARED": {"points": 7}}}, campaign_id=campaign, actor="tests")
    rule_sets.activate(himal.app, own.pk, actor="tests")
    assert "Version 1" not in body(owner.get(url("fraud/rules/")))
    assert "Version 1" in body(owner.get(url(f"fraud/rules/?campaign={campaign}")))
    page = body(owner.get(url(f"fraud/rules/new/?campaign={campaign}")))
    assert f'<option value="{campaign}" selected>' in page and 'name="points_IP_SHARED" value="7"' in page
    assert 'name="points_IP_SHARED" value="7"' in body(owner.get(url(f"fraud/rules/new/?from={own.pk}")))
    assert owner.get(url("fraud/rules/new/?from=rset_none")).status_code == 404
    assert owner.get(url("fraud/rules/?campaign=camp_none")).status_code == 200


def test_what_was_mostly_wrong_is_proposed_for_muting(himal, owner, url):
    reviewed(himal, "IP_SHARED", 2, 38)
    page = body(owner.get(url("fraud/rules/")))
    assert "Mostly wrong here" in page and "right in 2 of 40 reviewed" in page
