"""Points and what they come from, in the words of a person who explains a balance."""


def points(xp: int = 0, coins: int = 0, tokens: int = 0) -> str:
    """``10 XP, 1 coin``; nothing at all is a dash."""
    told = [f"{xp:,} XP"] if xp else []
    told += [f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in ((coins, "coin"), (tokens, "token")) if count]
    return ", ".join(told) or "–"
