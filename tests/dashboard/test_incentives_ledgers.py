"""A user's ledger in the dashboard: it explains every coin, adds up, and adjusts only by entries."""

import csv
import html
import io
import re

import pytest

from incenta.accounts.models import Role
from incentives.dashboard.ledgers import Ledger
from incentives.models import Transfer
from tests.dashboard.conftest import body, sign_in, statements

pytestmark = pytest.mark.django_db

ONE = "incentives/users/one/"


def text(page: str) -> str:
    """What a reader sees, in one line."""
    main = page.split("<main", 1)[-1].split("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def exported(browser, url, path: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(body(browser.get(url(path))).lstrip("\ufeff"))))


@pytest.fixture
def coins(himal) -> None:
    """asha has 155 coins: a lesson twice, a level, a badge by hand, an adjustment, less a redemption."""
    himal.post(
        "/incentives/actions",
        {"key": "lesson", "name": "Completes a lesson", "type": "STANDARD", "xp": 100, "coins": 50},
    )
    himal.post("/incentives/levels", {"level": 1, "name": "Regular", "xpThreshold": 150, "coins": 25})
    himal.post("/incentives/badges", {"key": "hero", "name": "Hero", "coins": 20})
    for day in ("20", "21"):
        assert (
            himal.post(
                "/incentives/events",
                {"userId": "asha", "actionKey": "lesson", "occurredAt": f"2026-11-{day}T08:00:00Z"},
            ).status
            == 201
        )
    himal.post("/incentives/badges/hero/award", {"userId": "asha", "reason": "spoke at the meetup"})
    assert (
        himal.post("/incentives/adjustments", {"userId": "asha", "coins": 40, "reason": "sorry for the delay"}).status
        == 201
    )
    item = himal.post("/incentives/catalog", {"name": "Sticker", "coinCost": 30})["id"]
    assert himal.post("/incentives/redeem", {"userId": "asha", "itemId": item}).status == 201
    assert himal.get("/incentives/balances/asha")["coins"] == 155


def test_why_asha_has_155_coins(himal, owner, url, coins):
    told = text(body(owner.get(url(f"{ONE}?id=asha"))))
    for words in (
        "Coins 155", "XP 200", "Level 1",
        "Completes a lesson Rules", ": 100 XP, 50 coins", "Level 1 (Completes a lesson)", "Badge hero (given by hand: spoke at the meetup)",
        "Adjustment: sorry for the delay", "Redeemed: Sticker", "−30 coins 155 coins", "+40 coins 185 coins",
        "Checks ✓ All entries added up are 200 XP, 155 coins",
    ):  # fmt: skip
        assert words in told, (words, told)


def test_the_csv_is_the_whole_ledger_and_its_sum_the_balance(himal, owner, url, coins):
    rows = exported(owner, url, f"{ONE}?id=asha&export=csv")
    assert sum(int(row["amount"].lstrip("'")) for row in rows if row["asset"] == "coins") == 155
    assert rows[0]["balance"] == "155"
    assert [row["asset"] for row in exported(owner, url, f"{ONE}?id=asha&export=csv&asset=XP")] == ["xp", "xp"]
    assert rows[0]["recordedAtUtc"].endswith("Z")
    assert "No such entry" in body(owner.get(url(f"{ONE}?id=asha&asset=TOKEN")))
    assert "not understood" in body(owner.get(url(f"{ONE}?id=asha&asset=GOLD")))


def test_at_a_past_moment_it_shows_what_was_then(himal, owner, url, coins):
    long_ago = text(body(owner.get(url(f"{ONE}?id=asha&at=2020-01-01T00:00"))))
    assert "Coins 0" in long_ago
    assert "As it was at" in long_ago
    assert "No such entry" in long_ago
    assert "Checks ✓ All entries added up are 0 XP, 0 coins: the balance of then" in long_ago
    assert "Adjust" not in long_ago
    assert "not understood" in body(owner.get(url(f"{ONE}?id=asha&at=yesterday")))


def test_an_adjustment_becomes_entries_with_its_reason(himal, owner, url, coins):
    page = owner.post(url(f"{ONE}?id=asha"), {"coins": "-55", "tokens": "3", "reason": "order cancelled"}, follow=True)
    told = text(body(page))
    assert "Adjusted by 2 entries" in told
    assert "Coins 100" in told
    assert "Adjustment: order cancelled" in told
    assert "Checks ✓" in told
    assert himal.get("/incentives/balances/asha")["tokens"] == 3


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"coins": "-156", "reason": "x"}, "The balance is 155 coins, which does not cover 156 coins."),
        ({"coins": "5", "reason": ""}, "Must have 1 to 500 characters."),
        ({"reason": "x"}, "Say how many coins, tokens or XP to add or to take."),
        ({"coins": "five", "reason": "x"}, "Must be a whole number."),
        ({"xp": "-201", "reason": "x"}, "The balance is 200 XP, which does not cover 201 XP."),
    ],
)
def test_an_adjustment_that_cannot_be_moves_nothing(himal, owner, url, coins, sent, sentence):
    entries = Transfer.objects.filter(app=himal.app).count()
    page = owner.post(url(f"{ONE}?id=asha"), sent)
    assert page.status_code == 422
    assert sentence in body(page)
    assert '<details class="i-panel i-fold" open>' in body(page)
    assert himal.get("/incentives/balances/asha")["coins"] == 155
    assert Transfer.objects.filter(app=himal.app).count() == entries


def test_who_may_not_adjust_sees_no_form_and_is_refused(himal, url, coins):
    for role in (Role.ANALYST, Role.DEVELOPER):
        browser = sign_in(himal.app.merchant, role)
        assert "i-adjust" not in body(browser.get(url(f"{ONE}?id=asha")))
        assert browser.post(url(f"{ONE}?id=asha"), {"coins": "5", "reason": "x"}).status_code == 403
    assert himal.get("/incentives/balances/asha")["coins"] == 155


@pytest.mark.parametrize("user", ["..", "a/b", "  spaces ", "ümläut & <b>", "user?id=1", "a" * 255])
def test_any_id_that_a_user_may_have_opens(himal, owner, url, user):
    himal.post("/incentives/adjustments", {"userId": user, "coins": 7, "reason": "hello"})
    link = re.search(r'class="i-row-link" href="([^"]+)"', body(owner.get(url("incentives/users/")))).group(1)
    page = body(owner.get(link.replace("&amp;", "&")))
    assert "Coins 7" in text(page)
    assert "<b>" not in page


def test_who_is_not_known_has_nothing(himal, owner, url):
    assert "Nobody has points yet" in body(owner.get(url("incentives/users/")))
    assert "No entries: send an event" in body(owner.get(url(f"{ONE}?id=nobody")))
    assert owner.get(url(ONE)).status_code == 404
    assert owner.get(url(f"{ONE}?id={'a' * 256}")).status_code == 404


def test_anothers_user_of_the_same_id_is_another(himal, rival, owner, url, coins):
    page = body(sign_in(rival.app.merchant).get(url(f"{ONE}?id=asha", rival.app)))
    assert "No entries: send an event" in page


def test_users_are_listed_in_pages_and_found_by_how_their_id_begins(himal, owner, url):
    for number in range(60):
        himal.post("/incentives/adjustments", {"userId": f"user {number:02}", "coins": number + 1, "reason": "hello"})
    first = body(owner.get(url("incentives/users/")))
    assert "user 00" in first and "user 24" in first and "user 25" not in first
    older = re.search(r'href="(\?after=[^"]+)"', first).group(1)
    second = body(owner.get(url(f"incentives/users/{older}")))
    assert "user 25" in second and "user 24" not in second
    newer = re.search(r'href="(\?before=[^"]+)"', second).group(1)
    assert "user 00" in body(owner.get(url(f"incentives/users/{newer}")))
    assert [row["userId"] for row in exported(owner, url, "incentives/users/?q=user+1&export=csv")] == [
        f"user 1{n}" for n in range(10)
    ]
    assert len(exported(owner, url, "incentives/users/?export=csv")) == 60
    assert "begins so" in body(owner.get(url("incentives/users/?q=zulu")))


def test_hiding_a_user_takes_him_off_the_boards_and_back(himal, owner, url, coins):
    where = url("incentives/users/visibility/?id=asha&visible=")
    assert "off all leaderboards" in body(owner.post(f"{where}no", follow=True))
    assert himal.get("/incentives/leaderboard").json == []
    assert "Hidden from leaderboards" in body(owner.get(url(f"{ONE}?id=asha")))
    assert "on the leaderboards again" in body(owner.post(f"{where}yes", follow=True))
    assert [line["userId"] for line in himal.get("/incentives/leaderboard").json] == ["asha"]
    assert owner.post(url("incentives/users/visibility/?id=nobody&visible=no")).status_code == 404


def test_the_lists_cost_the_same_with_many(himal, owner, url):
    himal.post("/incentives/actions", {"key": "lesson", "name": "Lesson", "type": "STANDARD", "xp": 1, "coins": 1})
    counts = []
    for target in (3, 30):
        for number in range(target):
            himal.post("/incentives/events", {"userId": f"user {number}", "actionKey": "lesson"})
            himal.post("/incentives/events", {"userId": "asha", "actionKey": "lesson"})
        newest = Transfer.objects.filter(wallet__user_id="asha").latest("seq").seq
        queries = ("", "&asset=COIN", f"&after={newest}", "&before=2", "&at=2026-01-01T00:00", "&at=2099-01-01T00:00")
        paths = ("incentives/users/", f"{ONE}?id=nobody", *(f"{ONE}?id=asha{query}" for query in queries))
        counts.append([len(statements(owner, url(path))) for path in paths])
    assert counts[0] == counts[1] and max(counts[0]) <= 12


def test_a_ledger_is_walked_to_its_beginning_and_back(himal, owner, url, monkeypatch, coins):
    monkeypatch.setattr(Ledger, "per_page", 3)

    def seen(page: str) -> list[str]:
        return re.findall(r'<td data-label="What" class="i-wrap">(.*?)</td>', page)

    def way(page: str, rel: str) -> str | None:
        found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
        return found and html.unescape(found.group(1))

    pages = [body(owner.get(url(f"{ONE}?id=asha")))]
    while older := way(pages[-1], "next"):
        pages.append(body(owner.get(url(f"{ONE}{older}"))))
    entries = list(Transfer.objects.filter(wallet__user_id="asha").order_by("-seq"))
    assert len(pages) > 2 and [len(seen(page)) for page in pages[:-1]] == [3] * (len(pages) - 1)
    told = [cause for page in pages for cause in seen(page)]
    assert len(told) == len(entries)
    assert all(f"<code>{entry.cause}</code>" in cause for entry, cause in zip(entries, told, strict=True))
    for number in range(len(pages) - 1, 0, -1):
        back = body(owner.get(url(f"{ONE}{way(pages[number], 'prev')}")))
        assert seen(back) == seen(pages[number - 1])
    assert way(pages[0], "prev") is None
    for wrong in ("trf_0", "9" * 30, "-1", "²"):
        assert seen(body(owner.get(url(f"{ONE}?id=asha&after={wrong}")))) == seen(pages[0])
