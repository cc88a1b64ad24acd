"""The last 24 hours as a picture: a column an hour, what succeeded below what failed. Colours by class, sizes by attribute."""

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ..pace import EndpointPace

COLUMN, GAP, HEIGHT = 9, 3, 40


def bar(pace: EndpointPace) -> SafeString:
    """An SVG with a title on each hour, told in the reader's zone. Hours without requests are a thin line."""
    most = max((hour.good + hour.bad for hour in pace.hours), default=0)
    parts = []
    for place, hour in enumerate(pace.hours):
        left = place * (COLUMN + GAP)
        total = hour.good + hour.bad
        # a single failure among thousands must still be seen
        tall = max(6.0, HEIGHT * total / most) if total else 2.0
        bad = max(3.0, tall * hour.bad / total) if hour.bad else 0.0
        if hour.good and bad:
            bad = min(bad, tall - 3)
        good = tall - bad
        shapes = [("ok" if total else "none", left, f"{HEIGHT - good:.1f}", COLUMN, f"{good:.1f}")] if good else []
        if bad:
            shapes.append(("bad", left, f"{HEIGHT - tall:.1f}", COLUMN, f"{bad:.1f}"))
        at = timezone.localtime(hour.hour)
        told = f"{at:%H:%M}: " + (f"{hour.good:,} ok, {hour.bad:,} failed" if total else "nothing sent")
        parts.append(
            (
                told,
                format_html_join("", '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1.5"/>', shapes),
            )
        )
    width = len(pace.hours) * (COLUMN + GAP) - GAP
    return format_html(
        '<svg class="i-hours" viewBox="0 0 {} {}" preserveAspectRatio="xMinYMax meet" role="img"'
        ' aria-label="Requests of the last 24 hours: {} ok, {} failed">{}</svg>',
        width,
        HEIGHT,
        f"{pace.good:,}",
        f"{pace.bad:,}",
        format_html_join("", "<g><title>{}</title>{}</g>", parts),
    )
