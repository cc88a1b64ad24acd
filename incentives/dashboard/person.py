"""What this room tells of one person: points, level, what was redeemed."""

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from incenta.dashboard.people import MOST_MOMENTS, Figure, Happening, Part, show_with
from incentives import balances, explaining
from incentives.balances import NAMES

from .words import cause, changed, points

TOLD_ELSEWHERE = Q(cause__startswith="rew_") | Q(cause__startswith="rdm_") | Q(cause__startswith="rev_")
"""Rewards and redemptions tell of themselves."""


def part(request: HttpRequest, user_id: str) -> Part | None:
    app = request.app
    wallet = app.wallets.filter(user_id=user_id).first()
    if wallet is None:
        return None
    ledger = f"{reverse('dashboard:ledger', args=[app.pk])}?{urlencode({'id': user_id})}"
    redemptions = f"{reverse('dashboard:redemptions', args=[app.pk])}?{urlencode({'q': user_id})}"
    face = balances.faces(app, [wallet])[0]
    held = f"{wallet.coins_held:,} held" if wallet.coins_held else ""
    level = str(face["level"])
    told = Part(
        figures=[
            Figure("Coins", f"{wallet.coins:,}", held, ledger),
            Figure("XP", f"{wallet.xp:,}", f"level {level}", ledger),
            *([Figure("Tokens", f"{wallet.tokens:,}", "", ledger)] if wallet.tokens else []),
        ],
        links=[("Points, entry by entry", ledger), ("Redemptions", redemptions)],
    )
    own = explaining.entries(app, user_id).filter(asset__in=list(NAMES)).exclude(TOLD_ELSEWHERE)
    entries = list(own.order_by("-seq")[: 2 * MOST_MOMENTS])
    names = dict(app.actions.values_list("key", "name"))
    together: dict[tuple, list[str]] = {}
    why: dict[tuple, tuple] = {}
    for entry, face in zip(entries, explaining.faces(app, entries), strict=True):
        one = (entry.cause, entry.kind)
        together.setdefault(one, []).append(changed(entry.kind, entry.amount, entry.asset))
        why.setdefault(one, (cause(face, names), entry))
    for one, amounts in list(together.items())[:MOST_MOMENTS]:
        text, entry = why[one]
        told.happenings.append(Happening(entry.recorded_at, text, "wallet", ledger, note=", ".join(amounts)))
    newest = app.item_redemptions.filter(user_id=user_id).select_related("item").order_by("-redeemed_at", "-pk")
    for redemption in newest[:MOST_MOMENTS]:
        told.happenings.append(
            Happening(
                redemption.redeemed_at,
                f"Redeemed {redemption.item.name} for {points(0, redemption.coin_cost, redemption.token_cost)}",
                "ticket-check",
                redemptions,
                redemption.pk,
                redemption.get_status_display(),
            )
        )
    return told


def register() -> None:
    """Names this room as one that tells of people; once, when it is ready."""
    show_with("incentives", part)
