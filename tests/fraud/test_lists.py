"""Allow and deny lists: what is compared, who is let through, when an entry ends, and ten thousand of them."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from fraud import book, list_matcher, lists
from fraud.context import normal_email
from fraud.list_matcher import Entry, Matcher
from fraud.models import FraudChange, ListEntry
from incenta.errors import InvalidInput
from tests.cast import at_once

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def deny(himal, kind: str, value: str, **more):
    return himal.post("/fraud/lists", {"side": "DENY", "kind": kind, "value": value} | more)


def said(himal, **looked_at) -> list[str]:
    """The codes of what the lists say, as the next look reads them."""
    reasons = book.current(himal.app).lists.reasons(**({"now": NOW} | looked_at))
    return [reason.code for reason in reasons]


def test_an_entry_is_made_listed_and_taken_off(himal, rival):
    made = himal.post(
        "/fraud/lists", {"side": "ALLOW", "kind": "IP", "value": " 203.0.113.9/24 ", "reason": "Our own office"}
    )
    assert made.status == 201
    assert made.json == {
        "id": made["id"],
        "side": "ALLOW",
        "kind": "IP",
        "value": "203.0.113.0/24",
        "reason": "Our own office",
        "createdBy": himal.app.api_keys.get().pk,
        "createdAt": made["createdAt"],
        "expiresAt": None,
    }
    assert deny(himal, "USER", "mallory").status == 201
    assert [each["value"] for each in himal.get("/fraud/lists")["entries"]] == ["mallory", "203.0.113.0/24"]
    assert [each["id"] for each in himal.get("/fraud/lists?side=ALLOW&kind=IP")["entries"]] == [made["id"]]
    assert rival.get("/fraud/lists")["entries"] == []
    assert rival.delete(f"/fraud/lists/{made['id']}").status == 404
    assert himal.delete(f"/fraud/lists/{made['id']}").status == 204
    assert himal.delete(f"/fraud/lists/{made['id']}")["code"] == "entry_not_found"
    assert [each["kind"] for each in himal.get("/fraud/lists")["entries"]] == ["USER"]
    (mallory,) = himal.get("/fraud/lists")["entries"]
    assert himal.delete("/fraud/lists")["details"] == {"id": ["Which entry?"]}
    assert himal.delete(f"/fraud/lists?id={mallory['id']}").status == 204 and said(himal, users=["mallory"]) == []
    kinds = list(FraudChange.objects.filter(app=himal.app).order_by("version").values_list("kind", flat=True))
    assert kinds == ["added", "added", "removed", "removed"]


def test_the_same_entry_again_names_the_first_one(himal):
    first = deny(himal, "EMAIL", "Mallory.M+shop@Gmail.com")
    again = deny(himal, "EMAIL", "mallorym@googlemail.com")
    assert (again.status, again["code"], again["details"]["id"]) == (409, "entry_exists", first["id"])
    assert himal.post("/fraud/lists", {"side": "ALLOW", "kind": "EMAIL", "value": "mallorym@gmail.com"}).status == 201
    assert ListEntry.objects.count() == 2


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("IP", "office"),
        ("IP", "0.0.0.0/0"),
        ("IP", "2001::/8"),
        ("EMAIL", "mallory"),
        ("EMAIL", "mallory@here"),
        ("EMAIL_DOMAIN", "com"),
        ("EMAIL_DOMAIN", "exa mple.com"),
        ("DEVICE", "   "),
        ("USER", ""),
        ("PHONE", "1234567"),
        ("DEVICE", "x" * 300),
    ],
)
def test_what_cannot_be_one_of_its_kind_is_refused(himal, kind, value):
    refused = deny(himal, kind, value)
    assert refused.status == 400 and not ListEntry.objects.exists()


def test_every_kind_speaks_of_whom_it_names(himal):
    for kind, value in (
        ("IP", "203.0.113.7"),
        ("IP", "2001:db8:5::/48"),
        ("DEVICE", "tablet-1"),
        ("EMAIL", "Mallory+1@example.com"),
        ("EMAIL_DOMAIN", "@Throwaway.example"),
        ("USER", "Mallory "),
    ):
        assert deny(himal, kind, value).status == 201
    assert said(himal, ip="203.0.113.7") == ["DENIED_IP"]
    assert said(himal, ip="203.0.113.8") == []
    assert said(himal, ip="2001:db8:5:77::1") == ["DENIED_IP"] and said(himal, ip="2001:db8:6::1") == []
    assert said(himal, device="tablet-1") == ["DENIED_DEVICE"]
    assert said(himal, email=normal_email("MALLORY+2@Example.com")) == ["DENIED_EMAIL"]
    assert said(himal, email="a@mail.throwaway.example") == ["DENIED_EMAIL_DOMAIN"]
    assert said(himal, email="a@notthrowaway.example") == []
    assert said(himal, users=["Mallory ", None]) == ["DENIED_USER"] and said(himal, users=["mallory"]) == []
    assert said(himal, ip="not an address", device="", users=()) == []


def test_denied_is_certain_and_allowed_is_trust(himal):
    deny(himal, "USER", "mallory", reason="Bought followers")
    himal.post("/fraud/lists", {"side": "ALLOW", "kind": "IP", "value": "198.51.100.0/24"})
    denied, allowed = book.current(himal.app).lists.reasons(now=NOW, ip="198.51.100.4", users=["asha", "mallory"])
    assert (denied.points, denied.type, denied.family) == (100, "MANUAL_FLAG", "CERTAIN")
    assert denied.message == "The user is on the deny list (Bought followers)."
    assert (allowed.code, allowed.points) == ("ALLOWED_IP", -100)


def test_an_entry_ends_by_the_apps_clock_and_may_be_made_again(himal):
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    first = deny(himal, "USER", "mallory", expiresAt=soon)
    assert first.status == 201
    later = datetime.now(UTC) + timedelta(hours=2)
    assert said(himal, now=datetime.now(UTC), users=["mallory"]) == ["DENIED_USER"]
    assert said(himal, now=later, users=["mallory"]) == []
    ListEntry.objects.update(expires_at=datetime.now(UTC) - timedelta(minutes=1))
    again = deny(himal, "USER", "mallory")
    assert again.status == 201 and ListEntry.objects.get(removed_at=None).pk == again["id"]
    past = deny(himal, "USER", "chandra", expiresAt="2020-01-01T00:00:00Z")
    assert past.status == 400 and "expiresAt" in past["details"]


def test_of_twenty_at_once_one_entry_is_made(himal, transactional_db):
    answers = at_once(20, lambda _: deny(himal, "USER", "mallory"))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 19
    assert {answer["code"] for answer in answers if answer.status == 409} == {"entry_exists"}
    assert ListEntry.objects.count() == 1
    assert himal.app.fraud_settings.version == FraudChange.objects.count() == 1


def test_ten_thousand_entries_are_found_as_ten_are():
    words = random.Random(7)
    entries = [
        Entry(
            f"lent_{place}",
            "DENY",
            "IP",
            f"10.{place >> 8 & 255}.{place & 255}.{'0/25' if place % 3 else '7'}",
            "",
            None,
        )
        for place in range(5_000)
    ] + [Entry(f"lent_d{place}", "DENY", "DEVICE", f"device-{place}", "", None) for place in range(5_000)]
    matcher = Matcher.of(entries)
    # what a lookup tries: as many dictionaries as there are lengths of range, whatever they hold
    assert len(matcher.ranges) == 2
    for place in words.sample(range(5_000), 200):
        network = f"10.{place >> 8 & 255}.{place & 255}"
        assert [each.id for each in matcher.hits(now=NOW, ip=f"{network}.7")] == [f"lent_{place}"]
        assert bool(matcher.hits(now=NOW, ip=f"{network}.9")) == bool(place % 3)
        assert [each.id for each in matcher.hits(now=NOW, device=f"device-{place}")] == [f"lent_d{place}"]


def test_lists_are_read_again_only_when_a_list_has_changed(himal):
    deny(himal, "USER", "mallory")
    before = book.current(himal.app).lists
    himal.patch("/fraud/settings", {"watchAt": 20})
    after = book.current(himal.app)
    assert after.lists is before and after.settings.watch_at == 20
    deny(himal, "USER", "chandra")
    assert book.current(himal.app).lists is not before


def test_of_a_long_list_only_what_changed_is_read(himal, django_assert_num_queries):
    for place in range(5):
        deny(himal, "IP", f"203.0.113.{place}")
    before = book.current(himal.app).lists
    gone = himal.get("/fraud/lists?value=203.0.113.3")["entries"][0]["id"]
    himal.delete(f"/fraud/lists/{gone}")
    deny(himal, "IP", "203.0.113.0/26")
    deny(himal, "DEVICE", "tablet-1")
    ListEntry.objects.filter(value="203.0.113.4").update(value="198.51.100.1")  # nobody said so: it is not looked for
    with django_assert_num_queries(7):  # version, settings, changes, the changed entries, mutes, rules, version
        after = book.current(himal.app).lists
    assert [len(after.hits(now=NOW, ip=f"203.0.113.{place}")) for place in (0, 3, 4, 64)] == [2, 1, 2, 0]
    assert after.hits(now=NOW, device="tablet-1") and not before.hits(now=NOW, device="tablet-1")
    assert len(before.hits(now=NOW, ip="203.0.113.3")) == 1 and len(after.by_id) == 6
    book._lists.clear()
    book.forget(himal.app)
    assert book.current(himal.app).lists.hits(now=NOW, ip="198.51.100.1")


def test_the_list_is_bounded(himal, monkeypatch):
    monkeypatch.setattr(lists, "MOST_ENTRIES", 1)
    assert deny(himal, "USER", "mallory").status == 201
    assert deny(himal, "USER", "chandra")["code"] == "list_full"


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("IP", "::ffff:203.0.113.9", "203.0.113.9"),
        ("IP", "2001:DB8::1", "2001:db8::1"),
        ("EMAIL", "R.a.m@GoogleMail.com", "ram@gmail.com"),
        ("EMAIL_DOMAIN", "googlemail.com", "gmail.com"),
        ("EMAIL_DOMAIN", "Bücher.example.", "xn--bcher-kva.example"),
        ("USER", " spaced ", " spaced "),
    ],
)
def test_values_are_kept_as_they_are_compared(kind, value, kept):
    assert list_matcher.normal(kind, value) == kept


def test_nothing_of_null_bytes():
    with pytest.raises(InvalidInput):
        list_matcher.normal("DEVICE", "a\x00b")
