"""How a page is looked at: light and dark, wide and narrow, loaded once. Axe finds nothing, and nothing is wider than the window."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.conf import settings

from incenta.accounts.models import Role
from tests.browser.conftest import Visitor
from tests.cast import Caller
from tests.dashboard.conftest import sign_in

Look = tuple[str, int]
"""A theme, and a width in pixels."""
EVERY_LOOK: tuple[Look, ...] = (("light", 1280), ("light", 390), ("dark", 390), ("dark", 1280))
IS_EVERY_LOOK_WANTED = bool(os.environ.get("INCENTA_EVERY_LOOK"))
LOOKS = EVERY_LOOK if IS_EVERY_LOOK_WANTED else (("light", 1280), ("dark", 390))
"""Each theme and each width once: what overflows does so in both themes, and colours are the same at both widths.
``INCENTA_EVERY_LOOK=1`` looks at every page in all four."""

# By the page's own switch, which the server heeds from the next page on; a page that has none (no such page) as the server does.
DRESS = """theme => {
  const page = document.documentElement, isDark = () => page.classList.contains("dark")
  const own = document.querySelector("form[data-theme-toggle]")
  if (isDark() !== (theme === "dark")) own ? own.requestSubmit() : page.classList.toggle("dark")
  for (const each of document.getAnimations()) if (each.effect.getComputedTiming().endTime < Infinity) each.finish()
  return isDark() === (theme === "dark")
}"""


def enter(visitor: Visitor, shop: Caller, role: Role = Role.OWNER) -> None:
    """Signs somebody in without the form, which has tests of its own."""
    session = sign_in(shop.app.merchant, role).cookies[settings.SESSION_COOKIE_NAME].value
    visitor.page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": visitor.base}])


def wrong_here(visitor: Visitor, name: str, looks: Sequence[Look] = LOOKS) -> list[str]:
    """What is wrong with the page that is open, in each of these looks: it is dressed anew, not loaded anew."""
    page, wrong = visitor.page, []
    page.emulate_media(reduced_motion="reduce")  # no colour is on its way to another when axe looks
    width = page.viewport_size["width"]
    worn = page.evaluate("document.documentElement.classList[0] ?? 'light'"), width
    for theme, wide in reversed(looks) if looks[-1] == worn else looks:
        if wide != width:
            page.set_viewport_size({"width": wide, "height": page.viewport_size["height"]})
            width = wide
        if not page.evaluate(DRESS, theme):
            wrong.append(f"{name}: is not {theme}")
        if (sideways := visitor.sideways()) > 0:
            wrong.append(f"{name}: {sideways} px too wide at {width}")
        wrong += [f"{name}, {theme}, {width}: {told}" for told in visitor.violations()]
        if folder := os.environ.get("INCENTA_SHOTS"):
            path = Path(folder) / f"{name.strip('/').replace('/', '-').replace('?', '-')}-{theme}-{width}.png"
            page.screenshot(path=path, full_page=True)
    return wrong


def assert_fine(visitor: Visitor, paths: Iterable[str], looks: Sequence[Look] = LOOKS) -> None:
    """Every page is; a page is opened in the look in which the one before it was left, so that each look is served, too."""
    wrong = []
    for path in paths:
        visitor.go(path)
        wrong += wrong_here(visitor, path, looks)
    assert not wrong, "\n".join(wrong)
