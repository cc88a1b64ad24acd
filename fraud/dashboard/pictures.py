"""The ring, drawn on the server: keys in the middle, the people who share them around."""

from math import cos, pi, sin

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from fraud.linked import Ring

WIDTH, HEIGHT = 460, 300


def ring(drawn: Ring) -> SafeString:
    """People on the outer ring, coloured by what was decided of them before; shared keys within. Words say the same below it."""
    if not drawn.keys:
        return SafeString("")
    middle_x, middle_y = WIDTH / 2, HEIGHT / 2

    def place(number: int, of: int, width: float, height: float, turn: float) -> tuple[float, float]:
        angle = 2 * pi * number / of - pi / 2 + turn
        return middle_x + width * cos(angle), middle_y + height * sin(angle)

    only = len(drawn.keys) == 1
    keys = [(middle_x, middle_y) if only else place(n, len(drawn.keys), 92, 58, 0) for n in range(len(drawn.keys))]
    people = [place(n, len(drawn.people), 196, 122, 0.2) for n in range(len(drawn.people))]
    lines = [(*map(_figure, (*people[person], *keys[key])),) for person, key in drawn.ties]
    dots = [
        (person.outcome, _figure(x), _figure(y), person.user_id, OUTCOMES[person.outcome])
        for person, (x, y) in zip(drawn.people, people, strict=True)
    ]
    boxes = [
        (_figure(x - 58), _figure(y - 11), _figure(x), _figure(y + 4), key.label)
        for key, (x, y) in zip(drawn.keys, keys, strict=True)
    ]
    return format_html(
        '<svg class="i-ring" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        WIDTH,
        HEIGHT,
        summary(drawn),
        format_html_join("", '<line x1="{}" y1="{}" x2="{}" y2="{}"/>', lines),
        format_html_join("", '<circle class="{}" cx="{}" cy="{}" r="7"><title>{} – {}</title></circle>', dots),
        format_html_join(
            "", '<rect x="{}" y="{}" width="116" height="22" rx="11"/><text x="{}" y="{}">{}</text>', boxes
        ),
    )


OUTCOMES = {
    "subject": "in this case",
    "open": "another open case",
    "approved": "approved before",
    "rejected": "rejected before",
    "clean": "nothing known",
}


def summary(drawn: Ring) -> str:
    """``7 accounts share 2 keys: device, means of payment``."""
    people, keys = len(drawn.people), len(drawn.keys)
    names = ", ".join(dict.fromkeys(key.label for key in drawn.keys))
    more = "At least " if drawn.is_cut else ""
    return f"{more}{people} accounts share {keys} key{'' if keys == 1 else 's'}: {names}"


def _figure(number: float) -> str:
    return f"{number:.0f}"
