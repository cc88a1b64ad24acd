"""Pictures drawn on the server: no script, no inline style; colours come from classes, so they follow the theme."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def funnel(steps: list[tuple[str, int]], width: int = 640, height: int = 150) -> SafeString:
    """Bars that shrink from step to step, each with its count and its share of the step before.

    ``steps`` are ``(label, count)``. Where the step before is empty there is no share to tell.
    """
    if not steps:
        return SafeString("")
    most = max(count for _, count in steps) or 1
    room = width / len(steps)
    base = height - 24

    def tall(count: int) -> float:
        return max(3, count / most * (height - 54))

    bars, flows, words, told, lines = [], [], [], [], []
    for place, (label, count) in enumerate(steps):
        left, top = place * room + 2, base - tall(count)
        share = f"{100 * count / steps[place - 1][1]:.1f} %" if place and steps[place - 1][1] else ""
        bars.append((f"{left:.1f}", f"{top:.1f}", f"{room * 0.6:.1f}", f"{tall(count):.1f}"))
        if place + 1 < len(steps):
            right, lower = left + room, base - tall(steps[place + 1][1])
            edge = left + room * 0.6
            flows.append((f"{edge:.1f},{top:.1f} {right:.1f},{lower:.1f} {right:.1f},{base} {edge:.1f},{base}",))
        words.append((f"{left:.1f}", f"{top - 9:.1f}", f"{count:,}", share, f"{left:.1f}", height - 6, label))
        lines.append((label, f"{count:,}", share, most, count, label))
        told.append(f"{label} {count:,}" + (f" ({share} of the step before)" if share else ""))
    drawn = format_html(
        '<svg class="i-funnel" viewBox="0 0 {} {}" role="img" aria-label="Funnel: {}">{}{}{}</svg>',
        width,
        height,
        ", ".join(told),
        format_html_join("", '<polygon class="flow" points="{}"/>', flows),
        format_html_join("", '<rect x="{}" y="{}" width="{}" height="{}" rx="3"/>', bars),
        format_html_join(
            "",
            '<text class="val" x="{}" y="{}">{}<tspan class="pct" dx="6">{}</tspan></text>'
            '<text class="lab" x="{}" y="{}">{}</text>',
            words,
        ),
    )
    # a phone is too narrow for words beside bars: there the same steps are lines, and only one of the two is shown
    listed = format_html_join(
        "",
        '<li><span>{}</span><b>{} <small>{}</small></b><meter min="0" max="{}" value="{}" aria-label="{}"></meter></li>',
        lines,
    )
    return format_html('{}<ol class="i-steps">{}</ol>', drawn, listed)


def bars(values: list[tuple[str, int]], label: str) -> SafeString:
    """One bar a value, as high as it is of the highest; ``values`` are ``(what it is of, count)``, oldest first."""
    most = max((count for _, count in values), default=0)
    drawn = format_html_join(
        "",
        '<rect x="{}" y="{}" width="8" height="{}"><title>{}: {}</title></rect>',
        (
            (place * 10 + 1, f"{100 - tall:.1f}", f"{tall:.1f}", name, f"{count:,}")
            for place, (name, count) in enumerate(values)
            for tall in [max(100 * count / most, 3) if count else 0.5]
        ),
    )
    told = f"{label}: {sum(count for _, count in values):,} in all, at most {most:,}" if values else label
    return format_html(
        '<svg class="i-bars" viewBox="0 0 {} 100" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        len(values) * 10,
        told,
        drawn,
    )
