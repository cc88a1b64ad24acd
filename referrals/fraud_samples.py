"""Sample cases for a sandbox: made by the same verbs as real ones, so that an analyst can practise and look around."""

from datetime import timedelta
from decimal import Decimal

from fraud import context as end_user
from incenta import clock
from incenta.accounts.models import App
from incenta.database.sql import transaction_joined
from incenta.errors import Conflict
from incenta.ids import new_id

from . import campaigns, converting, referring
from .models import Campaign

CAMPAIGN = "Sample campaign for the review"


def make(app: App, *, actor: str) -> int:
    """Six cases: a self-referral, a device farm, a bot, a throw-away address, a burst of look-alikes and a false alarm. Answers how
    many conversions are held.

    Raises ``Conflict`` ``sandbox_only``.
    """
    if not app.is_sandbox:
        raise Conflict("sandbox_only", "Sample cases are made in a sandbox only.")
    with transaction_joined():
        return _Samples(app, actor).make()


class _Samples:
    def __init__(self, app: App, actor: str):
        self.app, self.actor = app, actor
        self.run = new_id("case")[-5:]
        self.now = clock.now(app)
        self.held = 0
        self.campaign = self._campaign()

    def _campaign(self) -> Campaign:
        found = self.app.campaigns.filter(name=CAMPAIGN).order_by("created_at").first()
        return found or campaigns.create(
            self.app,
            {
                "name": CAMPAIGN,
                "declared_status": "ACTIVE",
                "referral_type": "TWO_SIDED",
                "reward_model": "FIXED",
                "reward_value": Decimal(10),
                "referee_reward_value": Decimal(5),
                "fraud_mode": "hold",
                "hold_at": 40,
            },
            actor=self.actor,
        )

    def make(self) -> int:
        self._self_referral()
        self._device_farm()
        self._bot()
        self._second_address()
        self._look_alikes()
        self._borrowed_phone()
        return self.held

    def _self_referral(self) -> None:
        """Somebody types his own code."""
        mallory = self._named("mallory")
        self._convert(self._code(mallory), mallory, 40)

    def _device_farm(self) -> None:
        """Nine accounts on one device within the hour."""
        farmer = self._named("farmer")
        code = self._code(
            farmer, ip="89.160.20.20", deviceId=f"farm-{self.run}", email=f"farmer.{self.run}@example.com"
        )
        for number in range(9):
            self._convert(
                code, self._named(f"account{number}"), 60 + number, minutes_ago=50 - 5 * number, ip=f"89.160.20.{30 + number}",
                deviceId=f"shared-{self.run}", email=f"buyer{number}.{self.run}@example.com",
            )  # fmt: skip

    def _bot(self) -> None:
        """A click and an order a moment later, by a headless browser with a throw-away address."""
        bot = self._named("hasty")
        code = self._code(self._named("oscar"))
        seen = {
            "ip": "81.2.69.77",
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/126.0",
            "email": f"{bot}@mailinator.com",
        }
        referring.click(self.app, code=code, referee_id=bot, context=end_user.of(seen), actor=self.actor)
        self._convert(code, bot, 25, **seen)

    def _second_address(self) -> None:
        """The friend's address is the referrer's own, with a tag."""
        code = self._code(self._named("trudy"), email=f"trudy.{self.run}@gmail.com", deviceId=f"trudy-{self.run}")
        self._convert(
            code, self._named("trudy-two"), 55, email=f"tru.dy.{self.run}+shop@gmail.com", deviceId=f"tablet-{self.run}"
        )

    def _look_alikes(self) -> None:
        """Orders of nearly one amount, minutes apart, from two devices in turn."""
        code = self._code(self._named("eve"))
        for number in range(8):
            self._convert(
                code, self._named(f"twin{number}"), Decimal("49.90") + number * Decimal("0.05"), minutes_ago=40 - 4 * number,
                ip=f"81.2.69.{10 + number}", deviceId=f"twin-{number % 2}-{self.run}",
            )  # fmt: skip

    def _borrowed_phone(self) -> None:
        """A false alarm, most likely: a friend signed up on the referrer's phone, over dinner."""
        seen = {"ip": "81.2.69.200", "deviceId": f"asha-{self.run}"}
        code = self._code(self._named("asha"), email=f"asha.{self.run}@example.com", **seen)
        self._convert(code, self._named("bikram"), 35, email=f"bikram.{self.run}@example.org", **seen)

    # --- what they are made of --------------------------------------------------------------------------------------
    def _named(self, name: str) -> str:
        return f"sample-{self.run}-{name}"

    def _code(self, referrer: str, **seen: str) -> str:
        answer, _ = referring.refer(
            self.app, campaign_id=self.campaign.pk, referrer_id=referrer, context=end_user.of(seen), actor=self.actor
        )
        return answer["referralCode"]

    def _convert(self, code: str, friend: str, amount: object, *, minutes_ago: int = 0, **seen: str) -> None:
        answer, _ = converting.convert(
            self.app,
            code=code,
            referee_id=friend,
            amount=amount,
            occurred_at=self.now - timedelta(minutes=minutes_ago) if minutes_ago else None,
            context=end_user.of(seen),
            actor=self.actor,
        )
        self.held += answer["status"] == "FLAGGED"
