"""Points and what they come from, in the words of a person who explains a balance."""

from collections.abc import Mapping

from django.utils.dateparse import parse_datetime

from incenta import money
from incentives.ledger.kinds import KINDS


def points(xp: int = 0, coins: int = 0, tokens: int = 0) -> str:
    """``10 XP, 1 coin``; nothing at all is a dash."""
    told = [f"{xp:,} XP"] if xp else []
    told += [
        f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in ((coins, "coin"), (tokens, "token")) if count
    ]
    return ", ".join(told) or "–"


def criteria(said: dict | None) -> str:
    """What a badge is given for: ``lesson 5 times``, ``1,000 XP``, ``7 days in a row``."""
    if not said:
        return "by hand"
    if "actionKey" in said:
        count = said["count"]
        return f"{said['actionKey']} {'once' if count == 1 else f'{count:,} times'}"
    name, count = next(iter(said.items()))
    if name == "level":
        return f"level {count:,}"
    plural = "" if count == 1 else "s"
    return {
        "xp": f"{count:,} XP",
        "streakDays": f"{count:,} day{plural} in a row",
        "referrals": f"{count:,} friend{plural} converted",
    }[name]


def changed(kind: str, amount: int, asset: str) -> str:
    """What an entry did to the balance: ``+10 XP``, ``−1 coin``, ``+USD 5.00``, and what it did to what is held, if only that."""
    rule = KINDS[kind]
    told = money.display(amount, asset)
    if rule.available:
        return f"{'+' if rule.available > 0 else '−'}{told}"
    return f"{told} held" if rule.held > 0 else f"{told} no longer held"


def cause(face: dict, action_names: Mapping[str | None, str | None]) -> str:
    """Why an entry is there. ``face`` is the API's; an action is called by its name where it has one."""
    told = face["cause"]
    key = told.get("actionKey")
    text = told["text"]
    if name := key and action_names.get(key):
        text = text.replace(key, name, 1)
    if face["kind"] == "REVERSE" and told["type"] not in ("adjustment", "reversal"):
        text = f"Taken back: {text}"
    return text[:1].upper() + text[1:]


def rule(face: dict) -> str:
    """What the rule in force said: ``rules 4: 120 XP, 15 coins``."""
    told = face["rule"]
    if told is None:
        return ""
    said = told.get("said") or {}
    gives = points(said.get("xp") or 0, said.get("coins") or 0, said.get("tokens") or 0)
    return f"Rules {told['version']}" + (f": {gives}" if gives != "–" else "")


def lot(face: dict) -> dict | None:
    """The lot that an entry opened, with the moment at which it ends."""
    opened = face["lot"]
    return opened and opened | {"moment": parse_datetime(opened["expiresAt"])}
