"""What this room shows on the overview: rewards that wait, the programme's numbers, and how far codes come."""

from datetime import timedelta
from functools import partial

from django.http import HttpRequest
from django.urls import reverse

from incenta import money
from incenta.accounts.models import App
from incenta.dashboard.access import may
from incenta.dashboard.overview import Number, Shown, Span, Step, ToDo, Waiting, show_with
from incenta.database import sql
from referrals.models.stat import COUNTED

from .first_run import FirstSteps
from .funnel import funnel_since, midnight_of

MOST_WAITING = 1_000
"""Rewards that wait are counted up to here; more are as much work for today."""

_WAITING = f"""
SELECT status, asset, count(*), sum(worth)::bigint AS worth FROM (
  (SELECT status, asset, amount_minor - reversed_minor AS worth FROM referrals_reward
   WHERE app_id = %(app)s AND status = 'PENDING' AND holds = '{{}}' AND (matures_at IS NULL OR matures_at <= %(now)s)
     AND fulfillment_type IN ('MANUAL', 'GIFT_CARD', 'CUSTOM') AND (claim_by IS NULL OR claim_by > %(now)s)
   LIMIT {MOST_WAITING + 1})
  UNION ALL
  (SELECT status, asset, amount_minor - reversed_minor FROM referrals_reward
   WHERE app_id = %(app)s AND status = 'APPROVED' AND holds = '{{}}' AND code IS NULL
     AND fulfillment_type IN ('MANUAL', 'AUTOMATED', 'GIFT_CARD', 'CUSTOM')
   LIMIT {MOST_WAITING + 1})
) w GROUP BY status, asset ORDER BY status DESC, 4 DESC
"""


def todos(request: HttpRequest) -> Waiting | None:
    """Rewards to approve and to pay, for whoever may."""
    can = {"PENDING": may(request, "rewards.approve"), "APPROVED": may(request, "rewards.pay")}
    return Waiting(_WAITING, partial(_waiting, request.app, can)) if any(can.values()) else None


def _waiting(app: App, can: dict[str, bool], rows: list[dict]) -> list[ToDo]:
    waiting: dict[str, list[dict]] = {}
    for row in rows:
        waiting.setdefault(row["status"], []).append(row)
    found = []
    for status, verb, weight in (("PENDING", "approved", 60), ("APPROVED", "paid", 50)):
        if not can[status] or status not in waiting:
            continue
        count = sum(row["count"] for row in waiting[status])
        many = f"{MOST_WAITING:,} rewards and more wait" if count > MOST_WAITING else f"{count:,} rewards wait"
        many = "1 reward waits" if count == 1 else many
        worth = ", ".join(money.display(row["worth"], row["asset"]) for row in waiting[status])
        url = f"{reverse('dashboard:rewards', args=[app.pk])}?status={status}&held=no"
        found.append(ToDo(weight, f"{many} to be {verb}", url, "hand-coins", "" if count > MOST_WAITING else worth))
    return found


_SUMS = ", ".join(
    f"coalesce(sum({name}) FILTER (WHERE day >= %({since})s AND day < %({until})s), 0)::bigint"
    for name in ("referrals", "clicks", "conversions", "reward_minor")
    for since, until in (("start", "today"), ("today", "tomorrow"), ("before", "start"))
)
_NUMBERS = f"""
WITH counted AS (
  SELECT asset, day, {", ".join(COUNTED)} FROM referrals_statday WHERE app_id = %(app)s AND day >= %(before)s
  UNION ALL SELECT asset, day, {", ".join(COUNTED)} FROM referrals_statdelta WHERE app_id = %(app)s AND day >= %(before)s
)
SELECT s.asset, s.sums, first.day
FROM (SELECT least(
    (SELECT min(day) FROM referrals_statday WHERE app_id = %(app)s),
    (SELECT min(day) FROM referrals_statdelta WHERE app_id = %(app)s)) AS day) first
LEFT JOIN LATERAL (SELECT asset, ARRAY[{_SUMS}] AS sums FROM counted GROUP BY asset) s ON true
"""


def numbers(request: HttpRequest, span: Span) -> list[Number]:
    """Codes, clicks, conversions, and what they earned in the app's currency, else in what earned most. One statement."""
    app = request.app
    read = sql.rows(
        _NUMBERS,
        {
            "app": app.pk,
            "before": span.before,
            "start": span.start,
            "today": span.today,
            "tomorrow": span.today + timedelta(days=1),
        },
    )
    first_day = read[0][2]
    sums = {asset: told for asset, told, _ in read if asset is not None}
    total = [sum(each) for each in zip(*sums.values(), strict=True)] or [0] * 12
    paid_in = sorted(
        (asset for asset, told in sums.items() if any(told[9:])),
        key=lambda asset: (asset != app.currency, asset == money.COIN, -sum(sums[asset][9:11])),
    )
    asset = paid_in[0] if paid_in else app.currency
    others = ", ".join(money.display(sum(sums[each][9:11]), each) for each in paid_in[1:] if any(sums[each][9:11]))

    def url(name: str) -> str:
        return f"{reverse(f'dashboard:{name}', args=[app.pk])}?from={span.start}"

    def number(label: str, place: int, told: list[int], page: str, **more) -> Number:
        whole, today, before = told[place : place + 3]
        return Number(label, whole, today, before, first_day, url=url(page) if page else "", **more)

    rewarded = sums.get(asset, [0] * 12)
    return [
        number("Codes", 0, total, "referrals"),
        number("Clicks", 3, total, ""),
        number("Conversions", 6, total, "conversions"),
        number(
            "Rewarded", 9, rewarded, "rewards", show=partial(_display, asset), note=f"and {others}" if others else ""
        ),
    ]


def _display(asset: str, minor: int) -> str:
    return money.display(minor, asset)


def funnel(request: HttpRequest, span: Span) -> list[tuple[str, int]] | None:
    """How far the codes came that were made in the span; ``None`` where there are too many to follow. One statement."""
    return funnel_since(request.app, midnight_of(request.app, span.start))


def steps(request: HttpRequest) -> list[Step]:
    """What comes before the first reward: in the sandbox as its own page tells it. A few short looks."""
    app = request.app
    if app.is_sandbox:
        page = reverse("dashboard:first_run", args=[app.pk])
        first = FirstSteps(app).steps()
        return [Step(step.title, f"{page}#step-{step.key}", step.is_done) for step in first]
    campaign = app.campaigns.order_by("created_at", "pk").first()

    def url(name: str, *args: str) -> str:
        return reverse(f"dashboard:{name}", args=[app.pk, *args])

    try_it = url("try_campaign", campaign.pk) if campaign else url("campaigns")
    return [
        Step("Make a campaign: who is rewarded, how much, until when", url("campaigns"), campaign is not None),
        Step("Let somebody share: ask for a code", try_it, app.referrals.exists()),
        Step("Report the friend's order with that code", try_it, app.conversions.exists()),
        Step("See the reward it earned", url("rewards"), app.rewards.exists()),
    ]


def register() -> None:
    """Names this room as one that the overview shows; once, when it is ready."""
    show_with(
        "referrals",
        Shown(
            todos=todos,
            numbers=numbers,
            funnel=funnel,
            steps=steps,
            pages={"referral": "referral", "conversion": "conversion", "reward": "reward"},
        ),
    )
