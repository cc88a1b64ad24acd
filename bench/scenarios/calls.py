"""The calls of the public API, as plain data with the simulated moment at which a merchant sends them."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import ClassVar

COVERAGES = ("C0", "C1", "C2", "C3")
"""What a merchant passes of the end user: nothing, address and browser, also the device, also e-mail, phone and payment."""

_FROM: dict[str, str] = {
    "ip": "C1",
    "user_agent": "C1",
    "accept_language": "C1",
    "country": "C1",
    "landing_url": "C1",
    "device_id": "C2",
    "email": "C3",
    "phone": "C3",
    "payment_fingerprint": "C3",
}


@dataclass(frozen=True, slots=True)
class Context:
    """What the merchant saw of the end user at one call."""

    ip: str | None = None
    user_agent: str | None = None
    accept_language: str | None = None
    country: str | None = None
    landing_url: str | None = None
    device_id: str | None = None
    email: str | None = None
    phone: str | None = None
    payment_fingerprint: str | None = None

    def sent(self, coverage: str) -> dict[str, str]:
        """The body's ``context`` of a merchant who passes this much."""
        level = COVERAGES.index(coverage)
        return {
            _camel(each.name): value
            for each in fields(self)
            if (value := getattr(self, each.name)) is not None and COVERAGES.index(_FROM[each.name]) <= level
        }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


@dataclass(frozen=True, slots=True)
class Call:
    """``number`` is its place in the whole stream; other calls name what it made by it."""

    number: int
    at: datetime
    app: int
    """Which merchant's: an index into ``World.merchants``."""


@dataclass(frozen=True, slots=True)
class Refer(Call):
    kind: ClassVar[str] = "refer"
    referrer_id: str
    referee_id: str | None
    context: Context | None


@dataclass(frozen=True, slots=True)
class Click(Call):
    kind: ClassVar[str] = "click"
    refer: int
    """The number of the call that made the code."""
    referee_id: str | None
    context: Context | None


@dataclass(frozen=True, slots=True)
class Convert(Call):
    kind: ClassVar[str] = "convert"
    refer: int
    referee_id: str
    amount: float | None
    external_id: str | None
    context: Context | None


@dataclass(frozen=True, slots=True)
class Reverse(Call):
    kind: ClassVar[str] = "reverse"
    convert: int
    """The number of the conversion."""
    amount: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Happen(Call):
    """An event of the incentive engine."""

    kind: ClassVar[str] = "happen"
    user_id: str
    action_key: str
    idempotency_key: str | None
    context: Context | None


@dataclass(frozen=True, slots=True)
class Redeem(Call):
    kind: ClassVar[str] = "redeem"
    user_id: str
    item: int
    """Which of the merchant's items."""


@dataclass(frozen=True, slots=True)
class Guess(Call):
    """Somebody tries a discount code. ``hand`` stands for the key and the address that he uses."""

    kind: ClassVar[str] = "guess"
    hand: int
    code: str


def body_of(call: Call, coverage: str, *, campaign_id: str = "", code: str = "", item_id: str = "") -> dict:
    """The JSON that a merchant at this coverage sends. The ids are what the product answered to earlier calls."""
    body: dict = {}
    match call:
        case Refer():
            body = {"campaignId": campaign_id, "referrerId": call.referrer_id}
        case Click():
            body = {"referralCode": code}
        case Convert():
            body = {"referralCode": code, "refereeId": call.referee_id}
            body |= {"amount": call.amount} if call.amount is not None else {}
            body |= {"externalId": call.external_id} if call.external_id else {}
        case Reverse():
            body = {"reason": call.reason} | ({"amount": call.amount} if call.amount is not None else {})
        case Happen():
            body = {"userId": call.user_id, "actionKey": call.action_key}
            body |= {"idempotencyKey": call.idempotency_key} if call.idempotency_key else {}
        case Redeem():
            body = {"userId": call.user_id, "itemId": item_id}
    if isinstance(call, Refer | Click) and call.referee_id:
        body["refereeId"] = call.referee_id
    context = getattr(call, "context", None)
    if context and (sent := context.sent(coverage)):
        body["context"] = sent
    return body
