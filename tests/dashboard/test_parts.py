"""The parts that pages are made of."""

import hashlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings

from incenta.accounts.forms import currency_choices, timezone_choices
from incenta.dashboard import exports, svg
from referrals.dashboard.sentences import sentences
from referrals.models import Campaign

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@cmd", "\tx", "|x", "%x"])
def test_a_cell_never_runs_in_a_spreadsheet(text):
    assert exports.cell(text) == f"'{text}"


def test_other_cells_stay_what_they_are():
    assert exports.cell(-5) == -5
    assert exports.cell(None) == ""
    assert exports.cell("asha") == "asha"
    assert exports.cell(datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)) == "2026-11-23T01:02:03.000Z"


def test_a_funnel_tells_itself_and_escapes_its_words():
    drawn = svg.funnel([("Made <b>", 4), ("Used", 1), ("Gone", 0), ("After", 0)])
    assert (
        'aria-label="Funnel: Made &lt;b&gt; 4, Used 1 (25.0 % of the step before), Gone 0 (0.0 % of the step before), After 0"'
        in drawn
    )
    assert "Made <b>" not in drawn
    assert '<meter min="0" max="4" value="1" aria-label="Used">' in drawn
    assert "style=" not in drawn
    assert svg.funnel([]) == ""


def test_the_sentences_say_what_a_campaign_does():
    plain = {"currency": "USD", "reward_value": Decimal(10), "reward_model": "FIXED"}
    assert sentences(Campaign(**plain)) == [
        "When a friend converts, the referrer gets USD 10.00.",
        "Each friend counts once.",
    ]
    both = Campaign(
        **plain
        | {"referral_type": "TWO_SIDED", "referee_reward_value": Decimal(5), "hold_days": 1, "budget": Decimal(500)}
    )
    assert sentences(both) == [
        "When a friend converts, the referrer gets USD 10.00, and the friend gets USD 5.00.",
        "Each friend counts once.",
        "A reward matures after 1 day.",
        "At USD 500.00 in all, rewards stop; conversions go on.",
    ]
    share = Campaign(
        currency="JPY", reward_model="PERCENTAGE", reward_value=Decimal("12.500000"), reward_cap=Decimal(3000), referral_type="MULTI_LEVEL",
        level2_reward_value=Decimal(2), level2_reward_cap=Decimal(100), first_time_user_only=False, conversion_window_days=30,
        max_rewards_per_referrer=1,
    )  # fmt: skip
    assert sentences(share) == [
        "When a friend converts, the referrer gets 12.5 % of the order, at most JPY 3,000, "
        "and whoever brought the referrer gets 2 % of the order, at most JPY 100.",
        "Every conversion counts, also a friend's second.",
        "The friend has 30 days after the latest click.",
        "One referrer is rewarded at most once.",
    ]
    tiers = [{"minConversions": 10, "rewardValue": 7.5}, {"minConversions": 0, "rewardValue": 5}]
    assert sentences(Campaign(currency="USD", reward_model="TIERED", tiers=tiers))[0] == (
        "When a friend converts, the referrer gets USD 5.00 from the first friend on; USD 7.50 after 10 earlier friends."
    )
    coins = Campaign(currency="USD", reward_value=Decimal(120), fulfillment_type="COINS")
    assert "120 coins" in sentences(coins)[0]


def test_everybody_finds_their_currency_and_zone():
    assert {"USD", "EUR", "NPR", "JPY", "BHD"} <= {code for code, _ in currency_choices()}
    assert {"UTC", "Asia/Kathmandu", "America/New_York"} <= {name for name, _ in timezone_choices()}


@pytest.mark.parametrize("folder", ["static/vendor", "tests/vendor"])
def test_every_vendored_file_is_written_down_with_its_hash_and_licence(folder):
    text = (ROOT / folder / "README").read_text()
    told = {}
    for entry in re.split(r"\n(?=file: )", text)[0 if text.startswith("file: ") else 1 :]:
        fields = dict(
            line.split(": ", 1) for line in entry.splitlines() if re.match(r"(file|name|licence|sha256|update): ", line)
        )
        assert set(fields) == {"file", "name", "licence", "sha256", "update"}, fields
        told[fields["file"]] = fields["sha256"]
    here = {file.name for file in (ROOT / folder).iterdir() if file.suffix in (".js", ".css")}
    assert set(told) == here
    for name, digest in told.items():
        assert hashlib.sha256((ROOT / folder / name).read_bytes()).hexdigest() == digest, name


def test_templates_keep_the_content_security_policy_and_have_no_dead_control():
    wrong = []
    for file in TEMPLATES:
        text = file.read_text()
        for what, pattern in {
            "inline style": r"\sstyle=",
            "inline handler": r"\son[a-z]+=",
            "inline script": r"""<script(?![^>]*(?:\bsrc=|\btype="application/json"))""",  # data is not run
            "foreign address": r"""(?:src|href|action)=["']https?://""",
            "link to nowhere": r"""href=["']#["']""",
            "script in htmx": r"hx-on|hx-vars|js:",
            "unescaped": r"\|safe(?!ly)",
        }.items():
            for found in re.finditer(pattern, text):
                if (file.name, what) == ("field.html", "unescaped"):
                    continue  # Django's own help texts hold links and lists
                wrong.append(f"{file.relative_to(ROOT)}: {what}: {text[found.start() : found.start() + 60]!r}")
    assert not wrong, "\n".join(wrong)


def test_every_icon_exists():
    import lucide

    names = set()
    for file in TEMPLATES:
        names |= set(re.findall(r'lucide "([^"]+)"|icon="([^"]+)"', file.read_text()))
    assert names
    for pair in names:
        assert lucide._render_icon(pair[0] or pair[1], 16)
