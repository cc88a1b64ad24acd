"""``manage.py demo``: a merchant to look at, made once, with keys that can be printed again."""

import base64
import hashlib
import hmac
import json
from decimal import Decimal

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from incenta.accounts import create_merchant
from incenta.accounts.models import ApiKey, App, Plan, User
from incenta.accounts.models.api_key import digest_of
from incenta.database import sql
from incenta.management import demo_market
from referrals import campaigns, converting, referring
from referrals.models import Campaign

EMAIL = "demo@incenta.example"
CAMPAIGN = "Give 20 %, get 10 %"
FRIENDS = (("asha", ("bikram", 49.99), ("chandra", 120)), ("diya", ("esha", 18.5)), ("gita",))


class Command(BaseCommand):
    help = "Makes the demo merchant once and prints how to reach it. Refused where DEBUG is off: its secrets follow from SECRET_KEY."

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args, **options):
        if not settings.DEBUG:
            raise CommandError("The demo merchant is for development: it is made only where DEBUG is on.")
        with transaction.atomic():
            sql.row("SELECT pg_advisory_xact_lock(hashtext('incenta.demo'))")
            told = self.prepare()
        if options["json"]:
            self.stdout.write(json.dumps(told))
            return
        for name, value in told.items():
            self.stdout.write(f"{name:12} {value}")

    def prepare(self) -> dict:
        password = f"demo-{self.derived('password')[:14]}"
        user = User.objects.filter(email=EMAIL).first()
        if user is None:
            user = User.objects.create_user(EMAIL, password, name="Demo")
            merchant = create_merchant(user, "Himal Outfitters", app_name="Himal Shop")
            merchant.plan, _ = Plan.objects.get_or_create(
                name="Demo", defaults={"monthly_calls": 1_000_000_000, "calls_per_minute": 1_000_000}
            )
            merchant.save(update_fields=["plan"])
        elif not user.check_password(password):
            user.set_password(password)
            user.save(update_fields=["password"])
        live = App.objects.filter(merchant__memberships__user=user, sandbox_of=None).order_by("created_at").first()
        live_key, test_key = self.key(live), self.key(live.sandbox)
        campaign = self.campaign(live)
        listing = demo_market.prepare(live, password)
        return {
            "baseUrl": settings.BASE_URL,
            "apiKey": live_key,
            "testApiKey": test_key,
            "campaignId": campaign.pk,
            "listingId": listing.pk,
            "login": {"email": EMAIL, "password": password},
            "partner": {"email": demo_market.PARTNER_EMAIL, "password": password},
        }

    def key(self, app: App) -> str:
        token = self.derived(f"key of {app.pk}")[:32]
        secret = f"inc_{'test' if app.is_sandbox else 'live'}_{token}"
        if not app.api_keys.filter(digest=digest_of(secret), revoked_at=None).exists():
            ApiKey.objects.filter(digest=digest_of(secret)).delete()
            ApiKey.objects.issue(app, "Demo", token=token)
        return secret

    def campaign(self, app: App) -> Campaign:
        made = app.campaigns.filter(name=CAMPAIGN).order_by("created_at").first()
        if made is None:
            made = campaigns.create(
                app,
                {
                    "name": CAMPAIGN,
                    "declared_status": "ACTIVE",
                    "reward_model": "PERCENTAGE",
                    "reward_value": Decimal(10),
                    "reward_cap": Decimal(25),
                    "fulfillment_type": "DISCOUNT_CODE",
                    "discount": {"type": "PERCENTAGE", "value": 20},
                    "reward_expiration_days": 90,
                    "landing_url": "https://shop.example/welcome",
                },
                actor="demo",
            )
            for referrer, *friends in FRIENDS:
                answer, _ = referring.refer(app, campaign_id=made.pk, referrer_id=referrer, actor="demo")
                for friend, amount in friends:
                    referring.click(app, code=answer["referralCode"], referee_id=friend, actor="demo")
                    converting.convert(app, code=answer["referralCode"], referee_id=friend, amount=amount, actor="demo")
                referring.click(app, code=answer["referralCode"], actor="demo")
        return made

    @staticmethod
    def derived(purpose: str) -> str:
        """A secret that follows from SECRET_KEY, so that it is printed again at each start and stored nowhere."""
        digest = hmac.new(settings.SECRET_KEY.encode(), f"demo: {purpose}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().replace("-", "x").replace("_", "y").rstrip("=")
