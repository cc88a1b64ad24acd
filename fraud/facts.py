"""Facts: all that a signal may read, as numbers and words. No raw address, device or e-mail is among them, so that the snapshot
that is kept with a score may be kept for good, and a draft of other rules can be tried on it later."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from .models import KeyKind

MOST_ACCOUNTS: Final = 51
"""As many others of a key are looked at, the newest first; more of them means no more."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The others who were seen with a key of this user's."""

    kind: KeyKind
    key: int
    is_now: bool = True
    """Sent with this call; else known of the user from before, such as his click's."""
    accounts: int = 0
    """Distinct other users, at most 51; the referrer apart where he refers this user."""
    in_30_days: int = 0
    in_7_days: int = 0
    co_signed_up: int = 0
    """Of them, first seen with the key within an hour of this user."""
    companions: int = 0
    """Of an address: distinct devices or user agents among the newest 51, within 7 days."""
    with_referrer: bool = False
    """The referrer (for a referrer: his named friend) was seen with it, too."""
    same_agent: bool = False
    """And with the same device or user agent there."""
    is_hub: bool = False
    hub_reason: str = ""
    is_confirmed: bool = False
    """It belongs to somebody confirmed as a cheat."""
    confirmed_by: str = ""
    newest: tuple[str, ...] = ()
    """Some of the others, newest first."""

    @property
    def is_telling(self) -> bool:
        """Whether to share it says that two people know each other: a strong key that is no hub."""
        return self.kind.is_strong and not self.is_hub

    @property
    def silence(self) -> str:
        """Why what is shared through it adds nothing."""
        return "hub" if self.is_hub else ""

    def evidence(self, **more: object) -> dict:
        """For a reason: the key, by which it can be muted, and who else has it. A key is text, for JavaScript's numbers end
        sooner."""
        told = {"kind": self.kind.name, "key": str(self.key), "accounts": self.accounts, "users": list(self.newest)}
        return told | ({"hub": self.hub_reason} if self.is_hub else {}) | more


class Past(NamedTuple):
    """One earlier conversion of the referrer's in this campaign."""

    time: float
    """Seconds since 1970."""
    amount_minor: int | None
    referee_id: str


@dataclass(frozen=True, slots=True)
class History:
    """What the referrer's conversions tell together with this one (``fraud/history.py``)."""

    seen: int = 0
    """How many were looked at, this one included."""
    last_hour: int = 0
    usual_hour: float = 0.0
    """Of the busiest hours before, the usual one."""
    rate_z: float = 0.0
    """How far the last hour is off the referrer's own hours, in robust deviations; 0 without enough of them."""
    lookalikes: int = 0
    """Within the last hour and 5 % of this amount."""
    gaps: int = 0
    gap_variation: float | None = None
    """Coefficient of variation of the newest eight gaps."""
    equal_gaps: float = 0.0
    """Share of gaps that are equal to the second."""
    consecutive: int = 0
    """Friends whose ids count up one by one, this one included."""
    at_once: int = 0
    """Friends who came within 60 s of this one."""
    near_lowest: int = 0
    """Of the last five, those within 5 % above the campaign's lowest amount."""
    last_day: int = 0
    silent_days: float = 0.0
    """Before the last day's."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual in this campaign: the last conversions of everybody, at most 200."""

    seen: int = 0
    referrers: int = 0
    with_click: float = 0.0
    instant: float = 0.0
    """Share within 10 s of the click."""
    top_amount: float = 0.0
    """Share of the commonest amount: near 1 where there is one price."""
    lowest_minor: int | None = None
    near_lowest: float = 0.0
    p99_minor: int | None = None
    consecutive: float = 0.0
    """Share of friends whose id is next to another's: an import, or ids that count up."""
    equal_gaps: float = 0.0
    busiest_hour: int = 0
    """What the second busiest referrer had in an hour: whom one compares with is not oneself."""

    @property
    def is_settled(self) -> bool:
        """Enough of enough people to say what is usual: one referrer is no crowd."""
        return self.seen >= 20 and self.referrers >= 3


@dataclass(frozen=True, slots=True)
class Facts:
    subject_type: str
    at: datetime
    referrer_id: str
    referee_id: str | None = None
    user_id: str | None = None
    """Whose context it is: of a conversion and a click the friend's, of a referral the referrer's."""
    campaign_id: str | None = None
    amount_minor: int | None = None
    currency: str = ""
    rewards_share: bool = False
    """The reward is a percentage of the amount."""
    earns: bool = True
    """It would be rewarded."""
    clicked_at: datetime | None = None
    clicks_known: bool = False
    """It was looked whether this friend clicked."""
    code_made_at: datetime | None = None
    code_is_flagged: bool = False
    neighbours: Mapping[KeyKind, Neighbours] = field(default_factory=dict)
    """Of each kind of key the one that says most."""
    shared_with_referrer: frozenset[KeyKind] = frozenset()
    ip_gap: str = ""
    """Why an address that was sent says nothing."""
    agent: str = ""
    email_is_disposable: bool | None = None
    email_is_referrers: bool | None = None
    """``None``: one of the two is not known."""
    email_likeness: float | None = None
    """Of the local parts of both, 0 to 1."""
    email_stem_is_same: bool = False
    email_domain_is_same: bool = False
    """And it is no provider's that everybody uses."""
    email_local_is_common: bool = False
    """Few letters, or a name that many have."""
    country: str | None = None
    country_is_allowed: bool | None = None
    """``None`` where the campaign names no countries."""
    ad_clicks: tuple[str, ...] = ()
    """The parameters of advertisements in the landing page's address."""
    forbids_ads: bool = False
    known_for_hours: float | None = None
    """How long before the code was made the friend was known."""
    history: History | None = None
    usual: Usual | None = None
    is_first_time_only: bool = False
    sent: frozenset[str] = frozenset()
    """What could be judged: ``ids``, ``ip``, ``userAgent``, ``device``, ``email``, ``phone``, ``payment``, ``amount``, ``click``,
    ``history``, ``country``, ``landingUrl``, ``graph``."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Of the second pass: numbers and words by name."""

    @property
    def has_end_user(self) -> bool:
        """Whether anything is known of the end user. Where not, a merchant's server reports by itself, and the rhythm, the speed and
        the numbering of what it reports are its own."""
        return bool(self.neighbours or self.agent)

    @property
    def seconds_from_click(self) -> float | None:
        return None if self.clicked_at is None else (self.at - self.clicked_at).total_seconds()

    @property
    def keys(self) -> dict[KeyKind, int]:
        """For what is muted."""
        return {kind: near.key for kind, near in self.neighbours.items()}

    def of(self, kind: KeyKind) -> Neighbours | None:
        return self.neighbours.get(kind)

    # -- the snapshot ------------------------------------------------------------------------------------------------
    def features(self) -> dict:
        """As JSON. What stands at its default is left out."""
        return _plain(self)

    @classmethod
    def from_features(cls, kept: Mapping[str, Any]) -> "Facts":
        """The facts of a snapshot. A field that an older snapshot lacks stands at its default; one that is no longer known
        is left out."""
        given = _named(cls, kept)
        for name in ("at", "clicked_at", "code_made_at"):
            if given.get(name) is not None:
                given[name] = datetime.fromisoformat(given[name])
        given["neighbours"] = {
            KeyKind[name]: Neighbours(
                **_named(Neighbours, near) | {"kind": KeyKind[name], "newest": tuple(near.get("newest", ()))}
            )
            for name, near in kept.get("neighbours", {}).items()
        }
        given["shared_with_referrer"] = frozenset(KeyKind[name] for name in kept.get("shared_with_referrer", ()))
        given["sent"] = frozenset(kept.get("sent", ()))
        given["ad_clicks"] = tuple(kept.get("ad_clicks", ()))
        for name, kind in (("history", History), ("usual", Usual)):
            if kept.get(name) is not None:
                given[name] = kind(**_named(kind, kept[name]))
        return cls(**given)


def _named(kind: type, kept: Mapping[str, Any]) -> dict[str, Any]:
    known = {each.name for each in fields(kind)}
    return {name: value for name, value in kept.items() if name in known}


def _plain(told: object) -> Any:
    found = {}
    for each in fields(told):
        value = getattr(told, each.name)
        if value is None or value == each.default or (not value and isinstance(value, tuple | dict | frozenset)):
            continue
        found[each.name] = _value(value)
    return found


def _value(value: object) -> Any:
    if isinstance(value, KeyKind):
        return value.name
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, frozenset):
        return sorted(_value(each) for each in value)
    if isinstance(value, tuple):
        return [_value(each) for each in value]
    if isinstance(value, Mapping):
        return {_value(name) if isinstance(name, KeyKind) else str(name): _value(each) for name, each in value.items()}
    return _plain(value) if hasattr(value, "__dataclass_fields__") else value
