"""The figures of one campaign's page: over the days of a range, like for like with as many days before, or altogether."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

from incenta import clock, money
from incenta.accounts.models import App
from incenta.dashboard.overview import Number, Span
from incenta.database import sql
from referrals import stats
from referrals.models import Campaign
from referrals.models.stat import COUNTED

from .sentences import amount

RANGES = (7, 30, 90)
USUAL_RANGE = 30
ALL = "all"

_SUMS = ", ".join(
    f"coalesce(sum({name}) FILTER (WHERE day >= %({since})s AND day < %({until})s), 0)::bigint"
    for name in COUNTED
    for since, until in (("start", "today"), ("today", "tomorrow"), ("before", "start"))
)
_COUNTED = f"""
SELECT asset, min(day), {_SUMS} FROM (
  SELECT asset, day, {", ".join(COUNTED)} FROM referrals_statday WHERE app_id = %(app)s AND campaign_id = %(campaign)s
  UNION ALL
  SELECT asset, day, {", ".join(COUNTED)} FROM referrals_statdelta WHERE app_id = %(app)s AND campaign_id = %(campaign)s
) s GROUP BY asset
"""


@dataclass(slots=True)
class Figure:
    """One cell of the strip. No ``value``: there is nothing to count it from."""

    label: str
    value: str
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Counted:
    """What was counted of a campaign: name → ``(whole days of the span, today, as many days before)``; the rewards by asset."""

    first_day: date | None
    sums: dict[str, tuple[int, int, int]]
    rewards: dict[str, tuple[int, int, int]]

    def shown(self, name: str) -> int:
        """Over the span, with what there is of today."""
        return sum(self.sums[name][:2])


def span_of(asked: str, today: date) -> Span | None:
    """What ``?range=`` asks for; ``None``: all there is."""
    if asked == ALL:
        return None
    return Span(int(asked) if asked in map(str, RANGES) else USUAL_RANGE, today)


def counted(app: App, campaign: Campaign, span: Span | None, today: date) -> Counted:
    """One statement."""
    asked = {
        "app": app.pk,
        "campaign": campaign.pk,
        "start": span.start if span else date.min,
        "before": span.before if span else date.min,
        "today": today,
        "tomorrow": date.max if span is None else today + timedelta(days=1),  # the clock may have been turned back
    }
    rows = sql.rows(_COUNTED, asked)
    sums = [sum(each) for each in zip(*(row[2:] for row in rows), strict=True)] or [0] * 3 * len(COUNTED)
    place = 2 + 3 * COUNTED.index("reward_minor")
    return Counted(
        first_day=min((row[1] for row in rows), default=None),
        sums={name: tuple(sums[3 * number : 3 * number + 3]) for number, name in enumerate(COUNTED)},
        rewards={row[0]: tuple(row[place : place + 3]) for row in rows},
    )


def figures(campaign: Campaign, known: Counted, span: Span | None, is_compared: bool) -> list[Figure]:
    """Codes, clicks, conversions, their rate, what was rewarded; then what stands now: held back, and promised of the budget."""

    def figure(label: str, told: tuple[int, int, int], show=None) -> Figure:
        whole, today, before = told
        number = Number(label, whole, today, before, known.first_day, **({"show": show} if show else {}))
        compared = number.compared(span) if span and is_compared else ""
        return Figure(label, number.value, [compared] if compared else [])

    conversions = figure("Conversions", known.sums["conversions"])
    if flagged := known.shown("flagged"):
        conversions.notes.insert(0, f"and {flagged:,} flagged")
    rewarded = figure("Rewarded", known.rewards.get(campaign.asset, (0, 0, 0)), partial(_display, campaign.asset))
    others = [(asset, told[0] + told[1]) for asset, told in sorted(known.rewards.items()) if asset != campaign.asset]
    rewarded.notes[:0] = [f"and {money.display(minor, asset)}" for asset, minor in others if minor]
    strip = [
        figure("Codes", known.sums["referrals"]),
        figure("Clicks", known.sums["clicks"]),
        conversions,
        _rate(known, span, is_compared),
        rewarded,
        _held(campaign),
    ]
    if campaign.budget is not None and hasattr(campaign, "spend"):
        promised = money.display(campaign.spend.promised_minor, campaign.asset)
        strip.append(Figure("Promised", promised, [f"of the budget of {amount(campaign.budget, campaign.asset)}"]))
    return strip


def _display(asset: str, minor: int) -> str:
    return money.display(minor, asset)


def _rate(known: Counted, span: Span | None, is_compared: bool) -> Figure:
    clicks = known.shown("clicks")
    told = Figure("Conversion rate", f"{stats.rate(known.shown('conversions'), clicks)} %" if clicks else "")
    if not clicks:
        told.notes.append("no clicks yet" if known.first_day is None or span is None else "no clicks in these days")
    before = known.sums["clicks"][2]
    if span and is_compared and before:
        told.notes.append(f"{stats.rate(known.sums['conversions'][2], before)} % in the {span.days} days before")
    return told


def _held(campaign: Campaign) -> Figure:
    """What is promised to people but held back now."""
    held = held_of(campaign.app, [campaign.pk])[campaign.pk]
    return Figure("On hold now", told_held(held) or money.display(0, campaign.asset), [held.note] if held.count else [])


_HELD = """
SELECT c.id, r.asset, sum(r.worth)::bigint, count(*) FROM unnest(%(ids)s::text[]) c(id) CROSS JOIN LATERAL (
  (SELECT asset, amount_minor - reversed_minor AS worth FROM referrals_reward
   WHERE app_id = %(app)s AND campaign_id = c.id AND status IN ('PENDING', 'APPROVED') AND holds <> '{}'::varchar(12)[]
   LIMIT %(most)s)
  UNION ALL
  (SELECT asset, amount_minor - reversed_minor FROM referrals_reward
   WHERE app_id = %(app)s AND campaign_id = c.id AND status IN ('PENDING', 'APPROVED') AND holds = '{}'::varchar(12)[]
     AND matures_at > %(now)s
   LIMIT %(most)s)
) r GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(slots=True)
class Held:
    """What a campaign holds back: minor units by asset, of how many rewards."""

    sums: dict[str, int] = field(default_factory=dict)
    count: int = 0
    is_more: bool = False

    @property
    def note(self) -> str:
        return f"{self.count:,} reward{'' if self.count == 1 else 's'}"


def held_of(app: App, ids: list[str], most: int | None = None) -> dict[str, Held]:
    """For each campaign. With ``most`` no more rewards are looked at, of those held by a reason and of those that mature; ``is_more``
    where there were more. One statement for any number of campaigns."""
    held = {each: Held() for each in ids}
    asked = {"app": app.pk, "ids": ids, "now": clock.now(app), "most": None if most is None else most + 1}
    for campaign_id, asset, minor, count in sql.rows(_HELD, asked):
        known = held[campaign_id]
        known.sums[asset] = minor
        known.count += count
        known.is_more = most is not None and known.count > most
    return held


def told_held(held: Held) -> str:
    """Its sums, or nothing."""
    return ", ".join(money.display(minor, asset) for asset, minor in held.sums.items() if minor)
