"""The lists in memory: what a value looks like when it is compared, and which entries speak of an end user.

Ten thousand entries cost a look what ten cost.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Final

from incenta.accounts.models import App
from incenta.errors import InvalidInput

from .assessment import CERTAIN, Reason
from .context import DOTLESS, normal_email
from .models import ListEntry

Kind, Side = ListEntry.Kind, ListEntry.Side

WIDEST: Final = {4: 8, 6: 16}
"""The shortest prefix of a range: a range of half the world is a slip of the hand."""
FIELDS: Final = ("id", "side", "kind", "value", "reason", "expires_at")
NOUNS: Final = {
    Kind.IP: "network address",
    Kind.DEVICE: "device",
    Kind.EMAIL: "e-mail address",
    Kind.EMAIL_DOMAIN: "e-mail domain",
    Kind.USER: "user",
}


# --- what is compared -----------------------------------------------------------------------------------------------
def normal(kind: str, value: str) -> str:
    """A value in the form in which it is kept and compared. Raises ``InvalidInput`` for what cannot be one of its kind."""
    text = value.strip()
    if not text or "\x00" in text:
        raise InvalidInput({"value": ["Must not be empty."]})
    if kind == Kind.IP:
        return _network(text)
    if kind == Kind.EMAIL:
        return _email(text)
    if kind == Kind.EMAIL_DOMAIN:
        domain = _domain(text.removeprefix("@"))
        return "gmail.com" if domain in DOTLESS else domain
    return value if kind == Kind.USER else text


def _network(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise InvalidInput({"value": ["Must be an IPv4 or IPv6 address, or a range such as 203.0.113.0/24."]}) from None
    if network.version == 6 and network.network_address.ipv4_mapped and network.prefixlen >= 96:
        network = ip_network(f"{network.network_address.ipv4_mapped}/{network.prefixlen - 96}")
    if network.prefixlen < WIDEST[network.version]:
        raise InvalidInput({"value": [f"Must not be wider than /{WIDEST[network.version]}."]})
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _email(text: str) -> str:
    local, _, domain = text.rpartition("@")
    if not local or any(letter.isspace() for letter in text):
        raise InvalidInput({"value": ["Must be an e-mail address."]})
    return normal_email(f"{local}@{_domain(domain)}")


def _domain(text: str) -> str:
    name = text.strip().rstrip(".").lower()
    try:
        name = name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 253 or not all(_is_label(label) for label in labels):
        raise InvalidInput({"value": ["Must be a domain such as example.com."]})
    return name


def _is_label(label: str) -> bool:
    return 0 < len(label) < 64 and label.replace("-", "").replace("_", "").isalnum() and label[0] != "-" != label[-1]


# --- the matcher ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list, as a look needs it."""

    id: str
    side: str
    kind: str
    value: str
    reason: str
    expires_at: datetime | None

    def as_reason(self) -> Reason:
        """What it says in an assessment: certain, or trust. A person said it, and that is what its type tells."""
        denied = self.side == Side.DENY
        said = f" ({self.reason})" if self.reason else ""
        noun, where = NOUNS[Kind(self.kind)], "deny" if denied else "allow"
        return Reason(
            type="MANUAL_FLAG",
            points=100 if denied else -100,
            message=f"The {noun} is on the {where} list{said}."[:300],
            evidence={"entryId": self.id, "kind": self.kind},
            code=f"{'DENIED' if denied else 'ALLOWED'}_{self.kind}",
            family=CERTAIN,
        )


@dataclass(frozen=True, slots=True)
class Matcher:
    """One app's lists in memory. A lookup is one of a dictionary for each kind, and for each length of range that is in use."""

    exact: Mapping[tuple[str, str], tuple[Entry, ...]] = field(default_factory=dict)
    """(kind, value) → its entries, one a side."""
    ranges: Mapping[tuple[int, int], Mapping[int, tuple[Entry, ...]]] = field(default_factory=dict)
    """(IP version, bits below the prefix) → network number → its entries."""

    by_id: Mapping[str, Entry] = field(default_factory=dict)

    @classmethod
    def read(cls, app: App) -> "Matcher":
        """One statement."""
        kept = app.fraud_list.filter(removed_at=None).order_by("created_at", "id")
        return cls.of(Entry(*row) for row in kept.values_list(*FIELDS))

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Matcher":
        return cls().with_changes((), entries)

    def read_again(self, app: App, ids: Iterable[str]) -> "Matcher":
        """With these entries as they are now. One statement: a long list that grows entry by entry is not read from its beginning
        each time."""
        ids = set(ids)
        kept = app.fraud_list.filter(pk__in=ids, removed_at=None).order_by("created_at", "id")
        return self.with_changes(ids, [Entry(*row) for row in kept.values_list(*FIELDS)])

    def with_changes(self, gone: Iterable[str], new: Iterable[Entry]) -> "Matcher":
        """Without some entries and with others; this one, which others are reading, stays as it is."""
        exact, by_id = dict(self.exact), dict(self.by_id)
        ranges = {length: dict(networks) for length, networks in self.ranges.items()}
        for entry in [by_id.pop(one) for one in gone if one in by_id]:
            place, name = _place(entry, exact, ranges)
            place[name] = tuple(each for each in place[name] if each.id != entry.id)
            if not place[name]:
                del place[name]
        for entry in new:
            place, name = _place(entry, exact, ranges)
            place[name] = (*place.get(name, ()), entry)
            by_id[entry.id] = entry
        return Matcher(exact, {length: networks for length, networks in ranges.items() if networks}, by_id)

    def hits(
        self,
        *,
        now: datetime,
        ip: str | None = None,
        device: str | None = None,
        email: str | None = None,
        users: Iterable[str | None] = (),
    ) -> tuple[Entry, ...]:
        """The entries that speak of this context and these users, deny first. ``email`` as ``context.normal_email`` gives it;
        an entry for a domain also speaks of its subdomains."""
        if not self.exact and not self.ranges:
            return ()
        found = [*self._of_address(ip)] if ip else []
        if device:
            found += self.exact.get((Kind.DEVICE, device.strip()), ())
        if email:
            found += self.exact.get((Kind.EMAIL, email), ())
            labels = email.rpartition("@")[2].split(".")
            for start in range(len(labels) - 1):
                found += self.exact.get((Kind.EMAIL_DOMAIN, ".".join(labels[start:])), ())
        for user in dict.fromkeys(users):
            if user is not None:
                found += self.exact.get((Kind.USER, user), ())
        valid = [entry for entry in found if entry.expires_at is None or now < entry.expires_at]
        return tuple(sorted(valid, key=lambda entry: entry.side, reverse=True))

    def reasons(self, **looked_at) -> tuple[Reason, ...]:
        """``hits`` as they speak in an assessment, each kind once a side."""
        found: dict[str, Reason] = {}
        for entry in self.hits(**looked_at):
            reason = entry.as_reason()
            found.setdefault(reason.code, reason)
        return tuple(found.values())

    def _of_address(self, ip: str) -> Iterable[Entry]:
        if not self.ranges:
            return
        try:
            address = ip_address(ip)
        except ValueError:
            return
        address = getattr(address, "ipv4_mapped", None) or address
        number = int(address)
        for (version, below), networks in self.ranges.items():
            if version == address.version:
                yield from networks.get(number >> below, ())


def _place(entry: Entry, exact: dict, ranges: dict) -> tuple[dict, object]:
    """The dictionary in which an entry stands, and its name there."""
    if entry.kind != Kind.IP:
        return exact, (entry.kind, entry.value)
    network = ip_network(entry.value)
    below = network.max_prefixlen - network.prefixlen
    return ranges.setdefault((network.version, below), {}), int(network.network_address) >> below
