"""Keys are changed while the product runs: nothing becomes unreadable, and the former key can be taken away."""

import re
import subprocess
import time
from io import StringIO
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.core import signing
from django.core.management import CommandError, call_command

from fraud.models import Sighting
from incenta.api.models import IdempotencyRecord
from incenta.encryption import decrypt, encrypt, renewed
from incenta.management.commands.reencrypt import KEPT
from webhooks import receiver_address, receiving
from webhooks.models import WebhookEndpoint, WebhookSecret

pytestmark = pytest.mark.django_db

FORMER = django_settings.SECRET_KEY
NEW = "another-key-that-somebody-made-0123456789-abcdefghijklmnop"


def reencrypt(*arguments: str) -> str:
    out = StringIO()
    call_command("reencrypt", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def kept(himal, settings) -> dict[str, str]:
    """One text of each kind, and what it says; an endpoint that leads to the sandbox's test receiver."""
    url = receiver_address.url_of(himal.app.sandbox.pk)
    endpoint = WebhookEndpoint.objects.create(app=himal.app.sandbox, url=url, events=["*"])
    secret = WebhookSecret.objects.issue(endpoint, is_primary=True)
    himal.campaign()
    himal.post("/referrals", {"campaignId": himal.campaign(), "referrerId": "asha", "context": {"ip": "203.0.113.9"}})
    made = himal.post("/webhooks", {"url": "https://shop.example/hook", "events": ["*"]}, idempotency_key="once")
    assert made.status == 201 and IdempotencyRecord.objects.get(key="once").is_encrypted
    assert Sighting.objects.filter(raw__isnull=False).exists()
    return {"secret": secret, "answer": made["secret"], "endpoint": endpoint.pk}


def code_now(secret: str) -> str:
    """What an authenticator app shows."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def begin(settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS, settings.FRAUD_SECRET = NEW, [FORMER], FORMER


def test_a_changed_secret_key_reads_what_the_former_one_wrote(kept, himal, settings):
    signed = signing.dumps("asha")
    begin(settings)

    assert signing.loads(signed) == "asha", "who is signed in stays so"
    again = himal.post("/webhooks", {"url": "https://shop.example/hook", "events": ["*"]}, idempotency_key="once")
    assert again.status == 201 and again["secret"] == kept["answer"]
    assert receiving.endpoints_of(himal.app.sandbox)[0].pk == kept["endpoint"]
    with pytest.raises(CommandError, match="still needed"):
        reencrypt("--check")


def test_afterwards_the_former_key_can_be_taken_away(kept, himal, settings):
    begin(settings)
    told = reencrypt()
    assert "test receivers" in told and " 1 moved" in told
    reencrypt("--check")

    settings.SECRET_KEY_FALLBACKS = []
    reencrypt("--check")
    sealed = WebhookSecret.objects.get(endpoint_id=kept["endpoint"]).sealed
    assert decrypt(sealed) == kept["secret"]
    url = WebhookEndpoint.objects.get(pk=kept["endpoint"]).url
    assert url == receiver_address.url_of(himal.app.sandbox.pk)
    assert receiver_address.app_id_at(url) == himal.app.sandbox.pk


def test_a_key_of_its_own_takes_over_from_the_derived_one(kept, settings):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    reencrypt()
    settings.SECRET_KEY = NEW  # now of no concern to what is encrypted

    reencrypt("--check")
    assert decrypt(WebhookSecret.objects.get(endpoint_id=kept["endpoint"]).sealed) == kept["secret"]


def test_the_document_makes_a_key_that_encrypts(settings):
    document = Path(django_settings.BASE_DIR) / "docs" / "operate-keys.md"
    [command] = re.findall(r"^\$ (python3 -c .+)$", document.read_text(), re.MULTILINE)
    key = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    settings.ENCRYPTION_KEYS = [key]
    assert decrypt(encrypt("asha")) == "asha"


def test_second_factors_are_never_open_in_the_database(himal, settings):
    user = himal.app.merchant.memberships.first().user
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    codes = RecoveryCodes.activate(user).generate_codes()
    kept = [
        text for one in Authenticator.objects.all() for text in (one.data.get("secret"), one.data.get("seed")) if text
    ]
    assert len(kept) == 2 and all(decrypt(text) and "JBSWY3DPEHPK3PXP" not in text for text in kept)
    assert TOTP(Authenticator.objects.get(type="totp")).validate_code(code_now("JBSWY3DPEHPK3PXP"))

    begin(settings)
    reencrypt()
    settings.SECRET_KEY_FALLBACKS = []
    reencrypt("--check")
    assert RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).generate_codes() == codes


def test_a_second_factor_of_before_works_and_is_encrypted_by_the_command(himal):
    user = himal.app.merchant.memberships.first().user
    old = Authenticator.objects.create(user=user, type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})
    assert TOTP(old).validate_code(code_now("JBSWY3DPEHPK3PXP"))
    with pytest.raises(CommandError, match="still needed"):
        reencrypt("--check")
    reencrypt()
    old.refresh_from_db()
    assert decrypt(old.data["secret"]) == "JBSWY3DPEHPK3PXP"
    reencrypt("--check")


def test_what_no_key_reads_is_named_and_left_alone(kept, settings):
    before = WebhookSecret.objects.get(endpoint_id=kept["endpoint"]).sealed
    settings.SECRET_KEY = NEW  # changed without a fallback: the mistake

    with pytest.raises(CommandError, match="cannot be read"):
        reencrypt()
    assert WebhookSecret.objects.get(endpoint_id=kept["endpoint"]).sealed == before


def test_a_text_under_the_newest_key_is_left_as_it_is(settings):
    text = encrypt("asha")
    assert renewed(text) is None
    begin(settings)
    new = renewed(text)
    assert new is not None and decrypt(new) == "asha" and renewed(new) is None


def test_the_command_knows_everything_that_is_encrypted():
    """Whoever encrypts another thing adds it to ``KEPT``, and its file here."""
    known = {
        "webhooks/models/secret.py",
        "fraud/writing.py",
        "fraud/attachments.py",
        "incenta/api/idempotency.py",
        "incenta/widgets/tokens.py",
        "incenta/accounts/second_factors.py",  # renewed by itself
        "incenta/dashboard/once.py",  # a session, for seconds
    }
    root = Path(django_settings.BASE_DIR)
    found = set()
    for room in ("incenta", "fraud", "incentives", "referrals", "marketplace", "webhooks"):
        for file in (root / room).rglob("*.py"):
            if re.search(r"(?<!def )(?<!\.)\bencrypt\(", file.read_text()):
                found.add(file.relative_to(root).as_posix())
    assert found == known
    assert len(KEPT) == len(known) - 2
