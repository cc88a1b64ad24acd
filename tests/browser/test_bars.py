"""Bars of docs/dashboard.md that a browser alone can prove: every role's pages, the keyboard alone, paper, high contrast, no motion.

``INCENTA_EVERY_LOOK=1`` walks every page of every role in all four looks, which takes some minutes.
"""

import os
import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from playwright.sync_api import Locator, Page, expect

from incenta.accounts.models import Role
from referrals import fraud_samples
from tests.browser.looks import EVERY_LOOK, IS_EVERY_LOOK_WANTED, assert_fine, enter
from tests.browser.test_pages import filled
from tests.cast import caller
from tests.dashboard.conftest import sign_in
from tests.everything import one_of_everything
from tests.test_isolation import page_address, page_routes
from tests.webhooks.conftest import pump

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]


class Outline(HTMLParser):
    """What stands in what: a page whose every pair of an element and what it holds is known has nothing new to look at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pairs: set[tuple[str, str]] = set()
        self.open: list[list] = []
        self.feed(text[text.index("<main") : text.index("</main>")])

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        kept = [
            f"{name}={value}" for name, value in sorted(attributes) if name in ("class", "role", "type", "data-variant")
        ]
        one = " ".join([tag, *kept, *sorted(name for name, _ in attributes if name.startswith("aria-"))])
        if self.open:
            self.open[-1][1] = True
            self.pairs.add((self.open[-1][0], one))
        if tag not in ("input", "br", "img", "meta", "link", "hr", "path", "rect", "circle", "line"):
            self.open.append([one, False, tag])

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if self.open:
            self.open[-1][1] = True

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.open[-1][1] = True

    def handle_endtag(self, tag: str) -> None:
        while self.open:
            one, is_filled, opened = self.open.pop()
            if not is_filled:
                self.pairs.add((one, "nothing"))
            if opened == tag:
                break


def outline(browser, address: str) -> set[tuple[str, str]] | None:
    """Of a page that is one; ``None`` for a button's address, a download or a step elsewhere."""
    answer = browser.get(address)
    is_page = answer.status_code in (200, 403) and not answer.streaming
    if not is_page or not answer.content.lstrip().startswith(b"<!doctype"):
        return None
    return Outline(answer.content.decode()).pairs


LOOKS_OF = {
    Role.ADMIN: [("light", 390)],
    Role.ANALYST: [("dark", 1280)],
    Role.DEVELOPER: [("light", 1280)],
}


def test_every_role_finds_its_pages_fine(visit, himal):
    """Those that a role sees otherwise than the owner, whose pages are all looked at elsewhere; and each kind of refusal once."""
    names = one_of_everything(himal, "himal")
    addresses = [page_address(route, names) for route in page_routes()]
    owner = sign_in(himal.app.merchant)
    owners = {address: found for address in addresses if (found := outline(owner, address)) is not None}
    for role, looks in LOOKS_OF.items():
        member, known, new = sign_in(himal.app.merchant, role), set(), []
        for address in owners:
            seen = outline(member, address)
            if seen is not None and (IS_EVERY_LOOK_WANTED or not seen <= known | owners[address]):
                known |= seen
                new.append(address)
        somebody = visit()
        somebody.expected_statuses |= {403}
        name = settings.SESSION_COOKIE_NAME
        session = {"name": name, "value": member.cookies[name].value, "url": somebody.base}
        somebody.page.context.add_cookies([session])
        assert_fine(somebody, new, EVERY_LOOK if IS_EVERY_LOOK_WANTED else looks)
        somebody.page.close()


def test_a_case_and_a_ledger_on_paper(visit, himal):
    fraud_samples.make(himal.app.sandbox, actor="test")
    sandbox = caller(himal.app.sandbox)
    sandbox.post("/incentives/adjustments", {"userId": "asha", "coins": 120, "reason": "Thanks"})
    owner = visit()
    enter(owner, himal)
    page = owner.page
    case = himal.app.sandbox.fraud_cases.first().pk
    for path, kept in ((f"fraud/cases/{case}/", "Why it was stopped"), ("incentives/users/one/?id=asha", "Thanks")):
        owner.go(f"/dashboard/{himal.app.sandbox.pk}/{path}")
        page.emulate_media(media="print")
        expect(page.get_by_text(kept).first).to_be_visible()
        for frame in (page.get_by_role("navigation"), page.get_by_role("button"), page.get_by_role("search")):
            expect(frame.locator("visible=true")).to_have_count(0)
        pane = page.locator(".i-case-body, #results").first  # whole, where the screen scrolls it
        assert pane.evaluate("one => one.scrollHeight - one.clientHeight") <= 1
        if folder := os.environ.get("INCENTA_SHOTS"):
            page.pdf(format="A4", path=f"{folder}/{path.split('/')[0]}.pdf")
        printed = page.pdf(format="A4")
        assert printed.startswith(b"%PDF") and 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 4
        page.emulate_media(media="screen")


def test_high_contrast_and_no_motion(visit, himal):
    """What colour says is also said in words, what is chosen has a thicker border, and nothing moves where nothing may."""
    sandbox = caller(himal.app.sandbox)
    fraud_samples.make(sandbox.app, actor="test")
    owner = visit()
    enter(owner, himal)
    page = owner.page
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    owner.go(f"/dashboard/{sandbox.app.pk}/fraud/?state=open")
    page.locator(".i-case-link").first.click()
    expect(page.get_by_role("heading", name="Why it was stopped")).to_be_visible()
    assert page.evaluate("document.getAnimations().filter(each => each.playState === 'running').length") == 0
    chosen = page.locator(".i-chip:has(input:checked) span").first
    other = page.locator(".i-chip:has(input:not(:checked)) span").first
    assert chosen.evaluate("one => getComputedStyle(one).borderTopWidth") != other.evaluate(
        "one => getComputedStyle(one).borderTopWidth"
    )
    assert owner.sideways() <= 0
    owner.go(f"/dashboard/{sandbox.app.pk}/rewards/")
    words = page.locator(".i-status")
    assert words.count() and all(text.strip() for text in words.all_inner_texts())
    assert owner.violations() == []


def test_a_window_of_320_pixels_needs_no_scrolling_sideways(visit, himal):
    """That is 1,280 pixels at a zoom of 400 %."""
    filled(himal)
    owner = visit(width=320)
    enter(owner, himal)
    wide = {}
    for path in (
        "overview",
        "campaigns",
        "campaigns/new",
        "rewards",
        "fraud",
        "incentives/users",
        "log/requests",
        "team",
        "keys",
    ):
        owner.go(f"/dashboard/{himal.app.pk}/{path}/")
        wide[path] = owner.sideways()
    assert max(wide.values()) <= 0, wide


STOP = """wanted => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect()
  const about = [style, ...[one.closest("label"), one.nextElementSibling].filter(each => each).map(each => getComputedStyle(each))]
  return {
    what: one.outerHTML.slice(0, 120),
    isSeen: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    isRinged: about.some(each => each.outlineStyle !== "none" || each.boxShadow !== "none"),
    isNowhere: one === document.body,
    isSkip: one.matches(".i-skip"),
    isWanted: one === wanted,
  }
}"""


def tab_to(page: Page, wanted: Locator, most: int = 80) -> None:
    """Presses Tab until that has the focus, past the frame by its first link. Every stop on the way is ringed and in the window."""
    expect(wanted).to_be_visible()
    target = wanted.element_handle()
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP, target)
        assert stop["isNowhere"] or stop["isRinged"], f"the focus has no ring: {stop}"
        if not (stop["isNowhere"] or stop["isSeen"]):
            expect(page.locator("*:focus"), stop["what"]).to_be_in_viewport()  # the window moves to it, in its own time
        if stop["isWanted"]:
            return
        if stop["isSkip"]:
            page.keyboard.press("Enter")
    raise AssertionError(f"{wanted} is not reached by {most} times Tab")


def enter_at(page: Page, wanted: Locator) -> None:
    tab_to(page, wanted)
    page.keyboard.press("Enter")


def test_the_keyboard_alone_from_sign_up_to_a_replay(visit):
    """No mouse: an account, a campaign, five cases, and a webhook that is sent once more."""
    asha = visit()
    page = asha.page
    asha.go("/accounts/signup/")
    tab_to(page, page.get_by_label("Email"))
    page.keyboard.type("asha@himal.example")
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type("tall-mountain-9")
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Business or product name"))
    page.keyboard.type("Himal Outfitters")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Make it happen")).to_be_visible()

    for key in ("g", "c"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Campaigns")).to_be_visible()
    page.keyboard.press("c")
    tab_to(page, page.get_by_label("Name", exact=True))
    page.keyboard.type("Bring a friend")
    for step in ("Reward", "Rules"):
        enter_at(page, page.get_by_role("button", name=f"Next: {step}"))
        expect(page.locator("[aria-current=step]")).to_contain_text(step)
    enter_at(page, page.get_by_role("button", name="Next: Review"))
    enter_at(page, page.get_by_role("button", name="Create and start"))
    expect(page.get_by_role("heading", name="Bring a friend")).to_be_visible()

    for key in ("g", "f"):
        page.keyboard.press(key)
    enter_at(page, page.get_by_role("button", name="Make sample cases"))
    expect(page.locator(".i-case-link")).to_have_count(6)
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="Why it was stopped")).to_be_visible()
    for key, told in (
        ("f", "Confirmed as fraud"), ("r", "Released"), ("h", "Kept on hold"), ("r", "Released"), ("f", "Confirmed as fraud"),
    ):  # fmt: skip
        page.keyboard.press(key)
        expect(page.locator(".i-flash").first).to_contain_text(told)

    for key in ("g", "h"):
        page.keyboard.press(key)
    enter_at(page, page.get_by_role("link", name="Try it with the test receiver"))
    enter_at(page, page.get_by_role("button", name="Add endpoint"))
    expect(page.locator("#secret")).to_contain_text("whsec_")
    enter_at(page, page.get_by_role("link", name="Send an example"))
    enter_at(page, page.get_by_role("button", name="Send example"))
    expect(page.locator("h1")).to_contain_text("Waiting")
    pump()
    expect(page.locator("h1")).to_contain_text("Delivered", timeout=30_000)
    enter_at(page, page.get_by_role("button", name="Resend"))
    expect(page.get_by_text("It is sent again, with the same message id")).to_be_visible()
    asha.look()
