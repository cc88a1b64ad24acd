"""What is compared of an end user, and what says nothing of him."""

import pytest

from fraud import context, emails, keys

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"


@pytest.mark.parametrize(
    ("ip", "network", "gap"),
    [
        ("203.0.114.9", "203.0.114.9", ""),
        ("::ffff:203.0.114.9", "203.0.114.9", ""),
        ("2a02:8108:1:2:3:4:5:6", "2a02:8108:1:2::/64", ""),
        ("10.1.2.3", None, "private"),
        ("192.168.0.1", None, "private"),
        ("127.0.0.1", None, "private"),
        ("::1", None, "private"),
        ("169.254.1.1", None, "private"),
        ("100.64.3.3", None, "reserved"),
        ("224.0.0.1", None, "reserved"),
        ("198.51.101.7", None, "caller"),
        ("nonsense", None, ""),
    ],
)
def test_an_address_that_cannot_be_the_users_is_a_missing_value(ip, network, gap):
    seen = context.of({"ip": ip}, caller="198.51.101.7")
    assert (seen.network, seen.ip_gap) == (network, gap)


def test_a_browser_that_calls_is_the_end_user_himself():
    seen = context.of(
        {"ip": "198.51.101.7", "userAgent": BROWSER}, caller="198.51.101.7", caller_agent=BROWSER, is_browser=True
    )
    assert (seen.network, seen.agent) == ("198.51.101.7", "browser")


@pytest.mark.parametrize(
    ("header", "ip"),
    [
        ("203.0.114.9", "203.0.114.9"),
        ("1.2.3.4, 203.0.114.9", "203.0.114.9"),  # what stands left of the last public hop anybody may have made up
        ("203.0.114.9, 10.0.0.4", "203.0.114.9"),
        ("203.0.114.9, 198.51.101.7", "203.0.114.9"),
        ("203.0.114.9, garbage", None),
        ("10.0.0.1, 10.0.0.2", None),
        ("", None),
        (None, None),
        (", ".join(["203.0.114.9"] + ["10.0.0.1"] * 200), None),
        ("x" * 100_000, None),
    ],
)
def test_forwarded_hops_are_read_from_the_right(header, ip):
    assert context.forwarded_ip(header, caller="198.51.101.7") == ip


def test_behind_a_proxy_of_ours_the_last_hop_is_the_caller():
    assert context.forwarded_ip("203.0.114.9, 198.51.101.7", caller="198.51.101.7", behind_proxy=True) == "203.0.114.9"
    assert context.forwarded_ip("198.51.101.7", caller="198.51.101.7", behind_proxy=True) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Asha.K@Gmail.com", "ashak@googlemail.com"),
        ("asha+shop@example.com", "asha@example.com"),
        ("ASHA@EXAMPLE.COM ", "asha@example.com"),
        ("asha@bücher.example", "asha@xn--bcher-kva.example"),
    ],
)
def test_one_mailbox_is_one_address(one, other):
    assert context.normal_email(one) == context.normal_email(other)


def test_dots_count_where_they_are_not_decoration():
    assert context.normal_email("a.b@example.com") != context.normal_email("ab@example.com")


@pytest.mark.parametrize("device", ["undefined", "NULL", "0", "00000000-0000-0000-0000-000000000000", "   ", "unknown"])
def test_a_device_that_says_nothing_is_none(device):
    assert context.of({"deviceId": device}).device is None


@pytest.mark.parametrize(
    ("phone", "digits"),
    [
        ("+977 980-1234567", "9779801234567"),
        ("00977 9801234567", "9779801234567"),
        ("000", None),
        ("12345", None),
        ("٩٨٠١٢٣٤٥٦٧", "9801234567"),
    ],
)
def test_phones_are_digits(phone, digits):
    assert context.of({"phone": phone}).phone == digits


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        (BROWSER, "browser"),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0", "headless"),
        ("  ", "headless"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
        ("okhttp/4.12.0", "app"),
        ("MyShop/3.1 CFNetwork/1494 Darwin/23.4.0", "app"),
        ("Dart/3.3 (dart:io)", "app"),
    ],
)
def test_kinds_of_user_agents(agent, kind):
    assert context.of({"userAgent": agent, "ip": "203.0.114.9"}).agent == kind


def test_a_servers_own_user_agent_is_not_the_users():
    assert context.of({"userAgent": "python-requests/2.32"}).agent == ""  # nothing says that it is a user's
    assert context.of({"userAgent": "python-requests/2.32", "ip": "198.51.101.7"}, caller="198.51.101.7").agent == ""
    assert context.of({"userAgent": "axios/1.7", "ip": "203.0.114.9"}, caller_agent="axios/1.7").agent == ""
    assert context.of({"userAgent": "python-requests/2.32", "ip": "203.0.114.9"}).agent == "library"


@pytest.mark.parametrize(
    ("email", "is_disposable"),
    [
        ("a@mailinator.com", True),
        ("a@sub.mailinator.com", True),
        ("a@privaterelay.appleid.com", False),
        ("a@duck.com", False),
        ("a@mozmail.com", False),
        ("a@gmail.com", False),
        (None, None),
    ],
)
def test_throw_away_providers_and_relays(email, is_disposable):
    assert emails.is_disposable(email) is is_disposable


@pytest.mark.parametrize(
    ("email", "pattern"),
    [
        ("ram.kc17@example.com", "ram.kc@example.com"),
        ("17ramkc@example.com", "ramkc@example.com"),
        ("ramkc@example.com", None),
        ("s2041@college.example", None),  # how a college numbers its students
        (None, None),
    ],
)
def test_patterns_of_addresses(email, pattern):
    assert keys.email_pattern(email) == pattern


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("asha", "asha", 1.0),
        ("martha", "marhta", 0.9611),
        ("dwayne", "duane", 0.84),
        ("abc", "xyz", 0.0),
        ("", "a", 0.0),
    ],
)
def test_likeness_is_jaro_winkler(one, other, likeness):
    assert emails.jaro_winkler(one, other) == pytest.approx(likeness, abs=0.0001)


def test_what_is_shown_reaches_nobody():
    sent = {
        "ip": "203.0.114.9",
        "email": "bikram@example.com",
        "phone": "+9779801234567",
        "deviceId": "d-123456789",
        "paymentFingerprint": "fp-123456",
    }
    shown = keys.shown(context.of(sent))
    assert shown == {
        "ip": "203.0.114.…",
        "deviceId": "d-12…",
        "email": "b…@example.com",
        "phone": "…67",
        "paymentFingerprint": "fp-1…",
    }


@pytest.mark.parametrize(
    "email",
    ["guest@shop.example.com", "NoReply@example.com", "no-reply+7@example.com", "none@none", "a@@b", "@", "a b@c.d"],
)
def test_a_mailbox_of_nobody_in_particular_links_nobody(email):
    assert context.of({"email": email}).email is None
    assert context.of({"email": "asha@example.com"}).email == "asha@example.com"
