"""The widgets' page and the simulator: what they show, who may press what, and that the sandbox is the only place for play."""

import re
from html import unescape
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incenta.accounts.models import ApiKey, AuditEntry, Role
from incenta.widgets.models import WidgetSettings
from tests.cast import Caller, caller
from tests.dashboard.conftest import sign_in

pytestmark = pytest.mark.django_db

OWNER, ADMIN, ANALYST, DEVELOPER = Role.OWNER, Role.ADMIN, Role.ANALYST, Role.DEVELOPER


def address(shop: Caller, path: str) -> str:
    return f"/dashboard/{shop.app.pk}/{path}"


def text(answer) -> str:
    return unescape(answer.content.decode())


@pytest.fixture
def owner(himal):
    return sign_in(himal.app.merchant)


@pytest.fixture
def sandbox(himal) -> Caller:
    found = caller(himal.app.sandbox)
    found.campaign(name="Friends", rewardModel="FIXED", rewardValue=5)
    return found


# --- the tag ----------------------------------------------------------------------------------------------------------
def test_the_tag_holds_the_key_and_what_was_chosen(himal, owner):
    page = text(owner.get(address(himal, "widgets/")))
    assert 'key="inc_pub_…"' in page and "None yet, so no page may use the key." in page
    told = text(owner.post(address(himal, "widgets/key/"), follow=True))
    kept = WidgetSettings.objects.get(app=himal.app)
    assert f'key="{kept.key_text}"' in told and ApiKey.objects.authenticate(kept.key_text) == kept.key
    assert kept.key.scope == "publishable"
    look = "?element=referral-leaderboard&primary=%23d62976&radius=0&font=Georgia%2C+serif&theme=auto&limit=5"
    page = text(owner.get(address(himal, f"widgets/{look}")))
    tag = re.search(r'<code id="tag">(.*?)</code>', page, re.DOTALL)[1]
    told = (
        ("primary-color", "#d62976"),
        ("border-radius", "0"),
        ("font-family", "Georgia, serif"),
        ("theme", "auto"),
        ("limit", "5"),
    )
    for attribute in (f'{name}="{value}"' for name, value in told):
        assert attribute in tag and page.count(attribute) == 2, "in the preview, too"


def test_pressed_twice_there_is_one_key_and_a_revoked_one_is_followed_by_another(himal, owner):
    for _ in range(2):
        owner.post(address(himal, "widgets/key/"))
    first = himal.app.api_keys.get(scope="publishable")
    first.revoke()
    assert "was revoked or has ended" in text(owner.get(address(himal, "widgets/")))
    owner.post(address(himal, "widgets/key/"))
    assert WidgetSettings.objects.get(app=himal.app).key_id != first.pk
    assert AuditEntry.objects.filter(type="widgets.key_made").count() == 2


def test_what_is_wrong_in_an_address_is_left_out(himal, owner):
    script = "%22%3E%3Cscript%3E"
    for wrong in (
        "element=script",
        "primary=red",
        f"primary={script}",
        "radius=-1",
        "font=url(x)",
        "theme=x",
        "limit=0",
    ):
        page = owner.get(address(himal, f"widgets/?{wrong}"))
        assert page.status_code == 200, wrong
        assert "<referral-share " in page.content.decode() and '"><script>' not in page.content.decode()


# --- the signing secret -----------------------------------------------------------------------------------------------
def test_a_signing_secret_is_shown_once(himal, owner):
    once = re.search(r'name="once" value="([^"]+)"', text(owner.get(address(himal, "widgets/secret/"))))[1]
    made = owner.post(address(himal, "widgets/secret/"), {"once": once})
    secret = re.search(r"inc_sig_live_[\w-]+", text(made))[0]
    assert made.status_code == 201 and "no-store" in made["Cache-Control"]
    page = text(owner.get(address(himal, "widgets/")))
    assert secret not in page and f"inc_sig_…{secret[-4:]}" in page
    assert secret not in text(
        owner.post(address(himal, "widgets/secret/"), {"once": once, "overlap": "0"}, follow=True)
    )
    again = owner.post(address(himal, "widgets/secret/"), {"once": once})
    assert again.status_code == 302, "the same click again is no mistake, though the form asks for more by now"
    unlike = owner.post(address(himal, "widgets/secret/"), {"once": "another"})
    assert unlike.status_code == 422, "another's first form must not end the secret that is there since"
    assert himal.app.signing_secrets.count() == 1
    assert owner.post(address(himal, "widgets/secret/"), {"overlap": "24"}).status_code == 201
    assert "is believed until" in text(owner.get(address(himal, "widgets/")))
    assert owner.post(address(himal, "widgets/secret/"), {"overlap": "99"}).status_code == 422


# --- who may ----------------------------------------------------------------------------------------------------------
ACTIONS = {
    "widgets/key/": ({OWNER, ADMIN, DEVELOPER}, {}, 302),
    "widgets/secret/": ({OWNER, ADMIN, DEVELOPER}, {}, 201),
    "widgets/boards/": ({OWNER, ADMIN}, {"board_names": "user_id"}, 302),
}


@pytest.mark.parametrize("role", sorted(ACTIONS["widgets/key/"][0] | {ANALYST}))
def test_everybody_reads_and_some_settle(himal, role):
    browser = sign_in(himal.app.merchant, role)
    assert browser.get(address(himal, "widgets/")).status_code == 200
    for path, (roles, sent, good) in ACTIONS.items():
        assert browser.post(address(himal, path), sent).status_code == (good if role in roles else 403), path
    assert WidgetSettings.objects.filter(board_names="user_id").exists() == (role in (OWNER, ADMIN))
    assert himal.app.signing_secrets.exists() == (role != ANALYST)


def test_a_word_that_is_no_setting_changes_nothing(himal, owner):
    for sent in ({"board_names": "everything"}, {}, {"board_names": "masked"}):
        assert "Nothing was changed." in text(owner.post(address(himal, "widgets/boards/"), sent, follow=True))
    assert not WidgetSettings.objects.exists()


# --- the preview ------------------------------------------------------------------------------------------------------
CALLS = (
    ("POST", "v1/referrals"),
    ("GET", "v1/users/user_123/stats"),
    ("GET", "v1/incentives/leaderboard"),
    ("GET", "v1/incentives/marketplace/public/listings"),
    ("GET", "v1/incentives/marketplace/public/listings/lst_x"),
    ("GET", "v1/incentives/marketplace/redemptions"),
    ("GET", "v1/incentives/balances/user_123"),
    ("POST", "v1/incentives/marketplace/redeem"),
)


def test_the_preview_is_answered_by_example_and_nothing_moves(himal, owner):
    for method, call in CALLS:
        for state, good in (("full", (200, 201)), ("empty", (200, 201, 400)), ("error", (500,))):
            answer = owner.generic(method, address(himal, f"widgets/sample/{state}/{call}"))
            assert answer.status_code in good and answer["Content-Type"] == "application/json", (state, call)
            assert "mitra.example.com/coffee.png" not in text(answer)
    assert himal.app.referrals.count() == himal.app.marketplace_redemptions.count() == 0
    for call in ("v1/campaigns", "v1/nowhere", "healthz"):
        assert owner.get(address(himal, f"widgets/sample/full/{call}")).status_code == 404
    assert owner.get(address(himal, "widgets/sample/lost/v1/incentives/leaderboard")).status_code == 404


# --- the simulator ----------------------------------------------------------------------------------------------------
def played(sandbox: Caller, run: str = "all", **told) -> dict:
    campaign = sandbox.app.campaigns.first()
    usual = {"campaign": campaign.pk if campaign else "", "referrer": "asha", "friend": "bikram", "amount": "50"}
    return usual | {"run": run} | told


def test_a_referral_is_played_through_the_api(sandbox, owner):
    page = text(owner.post(address(sandbox, "simulator/"), played(sandbox)))
    for label in ("POST /v1/referrals", "POST /v1/clicks", "POST /v1/conversions", "GET /v1/rewards"):
        assert label in page
    assert sandbox.app.conversions.get().referee_id == "bikram"
    assert sandbox.app.rewards.get().amount_minor == 500
    assert 'value="bikram-2"' in page, "the next friend is somebody new"
    assert sandbox.app.request_logs.filter(route="v1/conversions", status=201).exists()
    again = text(owner.post(address(sandbox, "simulator/"), played(sandbox, "convert")))
    assert "already_converted" in again and sandbox.app.conversions.count() == 1


def test_one_step_at_a_time(sandbox, owner):
    owner.post(address(sandbox, "simulator/"), played(sandbox, "share"))
    assert (sandbox.app.referrals.count(), sandbox.app.clicks.count()) == (1, 0)
    owner.post(address(sandbox, "simulator/"), played(sandbox, "click"))
    assert (sandbox.app.clicks.count(), sandbox.app.conversions.count()) == (1, 0)


def test_it_is_played_in_the_sandbox_only(himal, sandbox, owner):
    himal.campaign()
    assert owner.get(address(himal, "simulator/"))["Location"] == address(sandbox, "simulator/")
    assert owner.post(address(himal, "simulator/"), played(himal)).status_code == 403
    analyst = sign_in(himal.app.merchant, ANALYST)
    assert analyst.get(address(sandbox, "simulator/")).status_code == 200
    assert analyst.post(address(sandbox, "simulator/"), played(sandbox)).status_code == 403
    assert himal.app.referrals.count() == sandbox.app.referrals.count() == 0


def test_what_cannot_be_played_is_said(sandbox, owner):
    for wrong in ({"campaign": "camp_none"}, {"referrer": ""}, {"amount": "-1"}, {"run": "nothing"}):
        assert owner.post(address(sandbox, "simulator/"), played(sandbox, **wrong)).status_code == 422
    sandbox.app.campaigns.update(declared_status="PAUSED")
    assert "No campaign runs" in text(owner.get(address(sandbox, "simulator/")))
    for key in sandbox.app.api_keys.all():
        key.revoke()
    assert "no key in use" in text(owner.get(address(sandbox, "simulator/")))


def test_its_widgets_read_the_sandbox_and_write_nothing(himal, sandbox, owner, rival):
    owner.post(address(sandbox, "simulator/"), played(sandbox))
    window = address(sandbox, "simulator/api/")
    assert owner.get(f"{window}v1/users/asha/stats").json()["referralsMade"]["converted"] == 1
    assert owner.get(f"{window}v1/incentives/leaderboard?limit=1").status_code == 200
    assert owner.get(f"{window}v1/campaigns").status_code == 404
    assert owner.post(f"{window}v1/referrals", {"referrerId": "asha"}).status_code == 405
    assert sign_in(rival.app.merchant).get(f"{window}v1/users/asha/stats").status_code == 404
    assert owner.get(address(himal, "simulator/api/v1/users/asha/stats")).status_code == 302


@pytest.mark.parametrize("user", ["Zoë ✓", "a/b?c=d&e#f", "asha@himal.example", "half%2Fof 100 % + more"])
def test_whatever_the_id_of_who_shares_the_widgets_show_him(sandbox, owner, user):
    page = text(owner.post(address(sandbox, "simulator/"), played(sandbox, "share", referrer=user)))
    assert "201" in page
    found = owner.get(address(sandbox, f"simulator/api/v1/users/{quote(user, safe='')}/stats")).json()
    assert (found["userId"], found["referralsMade"]["total"]) == (user, 1)


def test_the_key_is_looked_up_once_a_page(sandbox, owner):
    with CaptureQueriesContext(connection) as captured:
        owner.post(address(sandbox, "simulator/"), played(sandbox))
    asked = [each["sql"] for each in captured.captured_queries if '"scope" = ' in each["sql"]]
    assert len([each for each in asked if each.startswith("SELECT")]) == 1, asked
