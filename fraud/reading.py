"""From evidence to facts: what the signals read, without a raw value in it. Pure."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from . import emails, history
from .evidence import Evidence, KeySeen
from .facts import MOST_ACCOUNTS, Facts, Neighbours
from .models import KeyKind

if TYPE_CHECKING:
    from .looking import Asked

HUB_COMPANIONS: Final = 15
"""More distinct devices than this among the newest 51 of an address within 7 days are an office's or a carrier's."""
KIOSK_REFERRERS: Final = 3
KIOSK_VARIETY: Final = 0.4
"""A device is a shop's and not a cheat's where that many referrers who never used it brought its users, and there is nearly a referrer
to every other user: a cheat brings his accounts by few codes, and a ring by codes of its own. With few users so far, two who brought
half of them."""
KIOSK_STANDS: Final = 0.7
"""And a shop's device stands in the shop: so many of its users are seen at one address with it. Nobody's card or phone is a shop's."""
A_SHOPS: Final = "referrers use it, as in a shop"
CO_SIGN_UP: Final = 3600.0
DAY: Final = 86_400.0
AD_CLICKS: Final = frozenset(
    "gclid gbraid wbraid gad_source gad_campaignid fbclid msclkid ttclid twclid li_fat_id dclid yclid epik rdt_cid sccid scid".split()
)
MOST_SHOWN: Final = 5


def facts_of(asked: "Asked", found: Evidence, *, companion: int | None = None) -> Facts:
    """The facts that the signals read. ``companion``: ``keys.companion`` of this call."""
    seen = asked.context
    near: dict[KeyKind, Neighbours] = {}
    for key_seen in found.seen:
        neighbours = _neighbours(key_seen, asked, companion)
        before = near.get(key_seen.kind)
        if before is None or _weight(neighbours) > _weight(before):
            near[key_seen.kind] = neighbours
    _in_a_shop(near)
    likeness = emails.compare(found.email, found.other_email)
    sent = {"ids"}
    for name, is_there in (
        ("ip", KeyKind.IP in near),
        ("device", KeyKind.DEVICE in near),
        ("phone", KeyKind.PHONE in near),
        ("payment", KeyKind.PAYMENT in near),
        ("email", found.email is not None),
        ("emails", likeness is not None),
        ("userAgent", bool(seen.agent)),
        ("key", bool(near)),
        ("known", found.user_known_since is not None),
        ("country", seen.country is not None and asked.countries is not None),
        ("landingUrl", seen.landing_url is not None),
        ("amount", asked.amount_minor is not None),
        ("click", asked.clicked_at is not None),
        ("clicks", asked.clicks_known),
        ("history", asked.past is not None),
    ):
        if is_there:
            sent.add(name)
    made_at = asked.code_made_at
    return Facts(
        subject_type=asked.subject_type,
        at=asked.at,
        referrer_id=asked.referrer_id,
        referee_id=asked.referee_id,
        user_id=asked.user_id,
        campaign_id=asked.campaign_id,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        rewards_share=asked.rewards_share,
        earns=asked.earns,
        clicked_at=asked.clicked_at,
        clicks_known=asked.clicks_known,
        code_made_at=made_at,
        code_is_flagged=asked.code_is_flagged,
        neighbours=near,
        shared_with_referrer=frozenset(kind for kind, each in near.items() if each.with_referrer),
        ip_gap=seen.ip_gap,
        agent=seen.agent,
        email_is_disposable=emails.is_disposable(found.email),
        email_is_referrers=likeness.is_same if likeness else None,
        email_likeness=likeness.of_locals if likeness else None,
        email_stem_is_same=bool(likeness and likeness.stem_is_same),
        email_domain_is_same=bool(likeness and likeness.domain_is_same),
        email_local_is_common=bool(likeness and likeness.local_is_common),
        country=seen.country,
        country_is_allowed=None if asked.countries is None or not seen.country else seen.country in asked.countries,
        ad_clicks=ad_clicks_in(seen.landing_url),
        forbids_ads=asked.forbids_ads,
        known_for_hours=_known_for(found, asked),
        history=None
        if asked.past is None or asked.referee_id is None
        else history.of(
            asked.past, at=asked.at, amount_minor=asked.amount_minor, referee_id=asked.referee_id, usual=asked.usual
        ),
        usual=asked.usual,
        is_first_time_only=asked.is_first_time_only,
        sent=frozenset(sent),
    )


def _neighbours(seen: KeySeen, asked: "Asked", companion: int | None) -> Neighbours:
    now = asked.at.timestamp()
    mine = seen.mine_since if seen.mine_since is not None else now
    others = [
        (user, since, beside)
        for user, since, beside in zip(seen.users, seen.seen, seen.companions, strict=True)
        if user != asked.user_id and user != asked.other_id
    ][:MOST_ACCOUNTS]
    companions = {beside for _, since, beside in others if beside is not None and abs(now - since) <= 7 * DAY}
    is_hub, hub_reason = seen.is_hub, seen.hub_reason
    if not is_hub:
        hub_reason = _hub_reason(seen, len(others), len(companions))
        is_hub = bool(hub_reason)
    mine_here = {companion if seen.is_now else None}
    mine_here |= {each for user, each in zip(seen.users, seen.companions, strict=True) if user == asked.user_id}
    return Neighbours(
        kind=seen.kind,
        key=seen.key,
        is_now=seen.is_now,
        accounts=len(others),
        in_30_days=sum(abs(now - since) <= 30 * DAY for _, since, _ in others),
        in_7_days=sum(abs(now - since) <= 7 * DAY for _, since, _ in others),
        co_signed_up=sum(abs(mine - since) <= CO_SIGN_UP for _, since, _ in others),
        companions=len(companions),
        with_referrer=seen.with_other,
        same_agent=seen.other_companion is not None and seen.other_companion in mine_here,
        is_hub=is_hub,
        hub_reason=hub_reason,
        is_confirmed=bool(seen.confirmed_by),
        confirmed_by=seen.confirmed_by,
        newest=tuple(user for user, _, _ in others[:MOST_SHOWN]),
    )


def _hub_reason(seen: KeySeen, others: int, companions: int) -> str:
    """Why a key says nothing of two who share it; empty where it does. Numbers alone make an address a hub and never a device: fifty
    accounts of few referrers on one device are no shop's."""
    if seen.kind == KeyKind.IP:
        if others >= MOST_ACCOUNTS:
            return f"more than {MOST_ACCOUNTS - 1} accounts use it"
        return f"{companions} devices within 7 days" if companions > HUB_COMPANIONS else ""
    brought = [referrer for referrer in seen.companions if referrer is not None]
    outside, all_ = seen.outside_referrers, len(set(brought))
    is_varied = outside >= KIOSK_REFERRERS and all_ >= KIOSK_VARIETY * len(brought)
    if seen.kind == KeyKind.DEVICE and (is_varied or (outside >= 2 and 2 * outside >= len(brought))):
        return f"people of {all_} {A_SHOPS}"
    return ""


def _in_a_shop(near: dict[KeyKind, Neighbours]) -> None:
    """The address at which a shop's device stands is the shop's; a device whose users are everywhere is no shop's."""
    device, address = near.get(KeyKind.DEVICE), near.get(KeyKind.IP)
    if device is None or address is None or not device.hub_reason.endswith(A_SHOPS):
        return
    if not address.is_hub and address.in_7_days < KIOSK_STANDS * device.in_7_days:
        near[KeyKind.DEVICE] = replace(device, is_hub=False, hub_reason="")
    elif not address.is_hub:
        near[KeyKind.IP] = replace(address, is_hub=True, hub_reason="a shop's device is used there")


def _weight(near: Neighbours) -> tuple:
    """Which key of one kind says most."""
    return near.is_confirmed, not near.is_hub, near.with_referrer, near.accounts, near.is_now


def _known_for(found: Evidence, asked: "Asked") -> float | None:
    if found.user_known_since is None or asked.code_made_at is None or asked.user_id == asked.referrer_id:
        return None
    return max(0.0, (asked.code_made_at.timestamp() - found.user_known_since) / 3600)


def ad_clicks_in(landing_url: str | None) -> tuple[str, ...]:
    """The parameters of advertisements in an address."""
    if not landing_url or "=" not in landing_url:
        return ()
    try:
        names = {name.casefold() for name, _ in parse_qsl(urlsplit(landing_url).query, max_num_fields=100)}
    except ValueError:
        return ()
    return tuple(sorted(names & AD_CLICKS))
