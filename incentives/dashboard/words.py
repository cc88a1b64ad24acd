"""Points and what they come from, in the words of a person who explains a balance."""


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
