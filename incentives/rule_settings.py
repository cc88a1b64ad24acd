"""What an app's rules say of time: when points expire, and how streaks are frozen. They count for what is earned from now on."""

from incenta.accounts.models import App

from .models import Rulebook
from .rulemaking import amending

FIELDS = (
    "coins_expire_after", "coins_expire_unit", "coins_expire_round",
    "tokens_expire_after", "tokens_expire_unit", "tokens_expire_round",
    "streak_freezes", "streak_freeze_every", "streak_freezes_most",
)  # fmt: skip


def of(app: App) -> Rulebook:
    """The app's rulebook, or what it would be: an app that has set nothing has no row."""
    return Rulebook.objects.filter(app=app).first() or Rulebook(app=app, version=0)


def face(rulebook: Rulebook) -> dict:
    return _rules(rulebook) | {"version": rulebook.version}


def _rules(rulebook: Rulebook) -> dict:
    return {
        "coinsExpireAfter": rulebook.coins_expire_after,
        "coinsExpireUnit": rulebook.coins_expire_unit,
        "coinsExpireRound": rulebook.coins_expire_round,
        "tokensExpireAfter": rulebook.tokens_expire_after,
        "tokensExpireUnit": rulebook.tokens_expire_unit,
        "tokensExpireRound": rulebook.tokens_expire_round,
        "streakFreezes": rulebook.streak_freezes,
        "streakFreezeEvery": rulebook.streak_freeze_every,
        "streakFreezesMost": rulebook.streak_freezes_most,
    }


def revise(app: App, changes: dict, *, actor: str = "") -> dict:
    """Changes the settings; lots that are there keep their date. Answers the face."""
    with amending(app) as amendment:
        before = _rules(amendment.rulebook)
        for name, value in changes.items():
            setattr(amendment.rulebook, name, value)
        amendment.note("settings", "settings", before, _rules(amendment.rulebook), actor)
    return face(amendment.rulebook)
