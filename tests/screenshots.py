"""Pictures of the eleven main pages from a running installation: light, dark, and on a phone.

    python -m tests.screenshots --base http://127.0.0.1:8000 --login EMAIL:PASSWORD --key KEY --to FOLDER

It looks at the demo merchant of ``make run``, whose login and keys ``manage.py demo --json`` prints. Calls of its own come first,
once in an installation, so that the pages show a shop at work; nothing is drawn that the installation does not hold.
``--documents FOLDER`` puts those of the README and ``docs/`` there, small enough for a repository.
"""

import argparse
import json
import random
import re
import struct
import sys
import urllib.error
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.needs import find_chromium

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOOKS = {"light": (WIDE, "light"), "dark": (WIDE, "dark"), "phone": (NARROW, "light")}
PAGES = (
    "overview", "campaign", "new-campaign", "referrals", "rewards", "person", "review", "linked", "webhook", "log", "marketplace",
)  # fmt: skip
DOCUMENTS = {
    "overview": "light",
    "campaign": "light",
    "marketplace": "light",
    "review": "dark",
    "linked": "light",
    "webhook": "light",
}
"""The pictures that the README and ``docs/`` show -> the look of each."""
LARGEST = 150_000
"""Bytes of a picture in the repository."""
CAMPAIGN = "Give 10, get 10"
NAMES = "Aarav Anju Bina Deepak Gita Hari Isha Jyoti Kiran Laxmi Manoj Nima Ojaswi Pema Rabin Sita Tenzin Uma".split()


class Backend:
    """A merchant's server: speaks JSON with its key."""

    def __init__(self, base: str, key: str) -> None:
        self.base, self.key = base, key

    def __call__(self, method: str, path: str, body: dict | None = None, **headers: str) -> dict:
        """The answer's JSON; of a refusal too, for refused calls are part of a day."""
        request = urllib.request.Request(
            f"{self.base}/v1{path}",
            None if body is None else json.dumps(body).encode(),
            {"x-api-key": self.key, "Content-Type": "application/json"} | headers,
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            return json.load(refusal)


def trade(shop: Backend) -> str:
    """A day of a shop, made once: codes, clicks, orders, rewards paid and taken back, a few refused calls. Answers the campaign."""
    for campaign in shop("GET", "/campaigns?limit=100")["campaigns"]:
        if campaign["name"] == CAMPAIGN:
            return campaign["id"]
    luck = random.Random(7)
    campaign = shop("POST", "/campaigns", {
        "name": CAMPAIGN, "status": "ACTIVE", "referralType": "TWO_SIDED", "rewardModel": "FIXED", "rewardValue": 10,
        "refereeRewardValue": 10, "currency": "USD", "budget": 5000, "budgetPolicy": "STOP",
    })["id"]  # fmt: skip
    people = [name.lower() for name in NAMES]
    rewards = []
    for place, referrer in enumerate(people):
        code = shop("POST", "/referrals", {"campaignId": campaign, "referrerId": referrer})["referralCode"]
        for number in range(luck.randint(0, 4)):
            friend = f"{luck.choice(people)}-{place}{number}"
            shop("POST", "/clicks", {"referralCode": code, "refereeId": friend})
            if luck.random() < 0.6:
                order = {"amount": round(luck.uniform(18, 240), 2), "externalId": f"order-{4200 + place * 7 + number}"}
                made = shop("POST", "/conversions", {"referralCode": code, "refereeId": friend} | order)
                rewards.append((made.get("rewardId"), made.get("conversionId")))
    for place, (reward, conversion) in enumerate(rewards):
        if reward and place % 3 == 0:
            shop("POST", f"/rewards/{reward}/approve", {})
        if reward and place % 6 == 0:
            shop("POST", f"/rewards/{reward}/pay", {"payoutReference": "transfer 2201"})
        if conversion and place == 4:
            shop("POST", f"/conversions/{conversion}/reverse", {"reason": "Sent back"})
    shop("POST", "/conversions", {"referralCode": "SUMMER-24", "refereeId": "gopal", "amount": 20})
    shop("POST", "/conversions", {"referralCode": "SUMMER-24", "refereeId": "hira", "amount": 35})
    shop("POST", "/campaigns", {"name": "Autumn", "rewardModel": "FIXED", "rewardValue": -5, "currency": "USD"})
    shop("GET", "/rewards/rew_00000000000000000000000000")
    return campaign


class Photographer:
    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base, self.size = page, base, page.viewport_size

    def go(self, path: str) -> None:
        self.page.set_viewport_size(self.size)
        self.page.goto(self.base + path)
        self.settled()

    def settled(self) -> None:
        """Waits until the page's script has run, and what it loads by itself is there."""
        expect(self.page.locator("html[data-ready]")).to_have_count(1)
        self.page.wait_for_load_state("networkidle")

    def grow(self) -> None:
        """Makes the window as high as the page, so that what sticks to its edges stands where the page ends."""
        tall = self.page.evaluate("document.documentElement.scrollHeight")
        self.page.set_viewport_size({"width": self.page.viewport_size["width"], "height": tall})

    def sign_in(self, email: str, password: str) -> str:
        """Answers the id of the live app."""
        self.go("/accounts/login/")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        expect(self.page.get_by_role("heading", name="Overview")).to_be_visible()
        return re.search(r"/dashboard/(app_\w+)/", self.page.url)[1]

    def sandbox(self) -> str:
        address = self.page.get_by_role("navigation", name="Mode").get_by_role("link", name="Sandbox")
        return re.search(r"/dashboard/(app_\w+)/", address.get_attribute("href"))[1]

    def practise(self, sandbox: str) -> None:
        """Cases for the review, and an endpoint that was sent something; once."""
        page = self.page
        self.go(f"/dashboard/{sandbox}/fraud/")
        if not page.locator(".i-case-link").count():
            page.get_by_role("button", name="Make sample cases").click()
            expect(page.locator(".i-case-link").first).to_be_visible()
        self.go(f"/dashboard/{sandbox}/webhooks/")
        if page.get_by_role("link", name="Try it with the test receiver").count():
            page.get_by_role("link", name="Try it with the test receiver").click()
            self.settled()
            page.get_by_role("button", name="Add endpoint").click()
            for kind in ("REWARD_CREATED", "REFERRAL_CONVERTED", "REWARD_CLAIMED"):
                self.go(f"/dashboard/{sandbox}/webhooks/")
                page.locator("tbody .i-row-link").first.click()
                self.settled()
                page.get_by_role("link", name="Test", exact=True).click()
                self.settled()
                page.get_by_label("Send an example of").select_option(kind)
                page.get_by_role("button", name="Send example").click()
                expect(page.locator("h1")).to_contain_text("Delivered", timeout=60_000)

    def addresses(self, app: str, sandbox: str, campaign: str) -> dict[str, str]:
        """Name of a page -> where it is."""
        live = f"/dashboard/{app}"
        found = {
            "overview": f"{live}/overview/",
            "campaign": f"{live}/campaigns/{campaign}/",
            "new-campaign": f"{live}/campaigns/new/?template=give-and-get",
            "referrals": f"{live}/referrals/",
            "rewards": f"{live}/rewards/",
            "log": f"{live}/log/",
        }
        for name, where, link in (
            ("person", f"{live}/rewards/?user=aarav", 'tbody a[href*="/people/"]'),
            ("review", f"/dashboard/{sandbox}/fraud/", ".i-case-link"),
            ("linked", f"/dashboard/{sandbox}/fraud/", ".i-case-link:has-text('-farmer')"),
            ("webhook", f"/dashboard/{sandbox}/webhooks/", "tbody .i-row-link"),
            ("marketplace", f"{live}/marketplace/listings/", "tbody .i-row-link"),
        ):
            self.go(where)
            found[name] = self.page.locator(link).first.get_attribute("href")
        found["linked"] += "linked/"
        return found


def small(png: bytes) -> bytes:
    """The same picture with 256 of its colours, the most frequent, each other pixel in the nearest of them: a third of the bytes.

    Takes what Chromium makes: eight bits a channel, no interlace.
    """
    place, header, packed = 8, b"", b""
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        content = png[place + 8 : place + 8 + length]
        header, packed = (content if kind == b"IHDR" else header), packed + (content if kind == b"IDAT" else b"")
        place += 12 + length
    width, height, depth, kind, *_ = struct.unpack(">IIBBBBB", header)
    channels = {2: 3, 6: 4}[kind]
    assert depth == 8
    raw, stride, rows = zlib.decompress(packed), width * channels, [bytes(width * channels)]
    for y in range(height):
        method, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        for x in range(stride if method else 0):  # the five filters of the PNG specification, section 9.2
            left, corner = (line[x - channels], rows[-1][x - channels]) if x >= channels else (0, 0)
            above = rows[-1][x]
            nearest = min((left, above, corner), key=lambda each: abs(left + above - corner - each))
            line[x] = (line[x] + (0, left, above, (left + above) // 2, nearest)[method]) & 255
        rows.append(bytes(line))
    pixels = [list(zip(row[0::channels], row[1::channels], row[2::channels], strict=True)) for row in rows[1:]]
    counted = Counter(pixel for row in pixels for pixel in row)
    # a dot of a colour of its own counts more than one more shade of grey
    palette = sorted(counted, key=lambda each: -counted[each] * (1 + (max(each) - min(each)) // 16))[:256]
    number = {
        colour: min(range(len(palette)), key=lambda i: sum((a - b) ** 2 for a, b in zip(palette[i], colour, strict=True)))
        for colour in counted
    }  # fmt: skip
    lines = b"".join(b"\0" + bytes(map(number.__getitem__, row)) for row in pixels)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(value for colour in palette for value in colour)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return png[:8] + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )


@contextmanager
def photographer(browser: Browser, base: str, look: str, cookies: list | None = None) -> Iterator[Photographer]:
    size, theme = LOOKS[look]
    context = browser.new_context(
        viewport=size, locale="en-US", timezone_id="Asia/Kathmandu", reduced_motion="reduce", is_mobile=False
    )
    context.set_default_timeout(60_000)
    context.add_cookies([{"name": "theme", "value": theme, "url": base}, *(cookies or [])])
    yield Photographer(context.new_page(), base)
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="http://127.0.0.1:8000")
    parser.add_argument("--login", required=True, metavar="EMAIL:PASSWORD")
    parser.add_argument("--key", required=True, help="a full key of the live app")
    parser.add_argument("--to", required=True, type=Path, help="where the pictures go: PAGE-LOOK.png")
    parser.add_argument("--documents", type=Path, help="where those of the documents go: PAGE.png")
    parser.add_argument("--only", nargs="+", choices=PAGES, default=PAGES)
    told = parser.parse_args()
    for folder in filter(None, (told.to, told.documents)):
        folder.mkdir(parents=True, exist_ok=True)
    email, _, password = told.login.partition(":")
    campaign = trade(Backend(told.base, told.key))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
        with photographer(browser, told.base, "light") as first:
            app = first.sign_in(email, password)
            sandbox = first.sandbox()
            first.practise(sandbox)
            addresses = first.addresses(app, sandbox, campaign)
            session = [cookie for cookie in first.page.context.cookies() if cookie["name"] != "theme"]
        too_wide, too_large = [], []
        for look in LOOKS:
            with photographer(browser, told.base, look, session) as each:
                for name in told.only:
                    each.go(addresses[name])
                    wide = each.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    too_wide += [f"{name}-{look}: {wide} px too wide"] * (wide > 0)
                    if look == "phone":
                        each.grow()
                    each.page.screenshot(path=told.to / f"{name}-{look}.png")
                    if told.documents and DOCUMENTS.get(name) == look:
                        picture = told.documents / f"{name}.png"
                        picture.write_bytes(small(each.page.screenshot()))
                        size = picture.stat().st_size
                        too_large += [f"{picture}: {size:,} bytes, at most {LARGEST:,}"] * (size > LARGEST)
        browser.close()
    if too_wide or too_large:
        sys.exit("\n".join(too_wide + too_large))


if __name__ == "__main__":
    main()
