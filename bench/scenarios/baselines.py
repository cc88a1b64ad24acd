"""What others would have held, for comparison: a limit on addresses alone, and the rules that this product had before."""

from collections import defaultdict, deque
from datetime import timedelta

from .calls import Click, Convert, Refer
from .world import Sealed

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)


def by_address(sealed: Sealed, coverage: str) -> set[int]:
    """ "IP only": three accounts on one address within seven days, or the referrer's address. The numbers of the conversions."""
    held: set[int] = set()
    if coverage == "C0":
        return held
    on: dict[tuple[int, str], deque] = defaultdict(deque)
    of_referrer: dict[tuple[int, str], set[str]] = defaultdict(set)
    codes: dict[int, str] = {}
    for call in sealed.calls:
        ip = call.context.ip if getattr(call, "context", None) else None
        if isinstance(call, Refer):
            codes[call.number] = call.referrer_id
            if ip:
                of_referrer[call.app, call.referrer_id].add(ip)
        elif isinstance(call, Convert) and ip:
            seen = on[call.app, ip]
            while seen and seen[0] < call.at - 7 * DAY:
                seen.popleft()
            seen.append(call.at)
            if len(seen) >= 3 or ip in of_referrer[call.app, codes[call.refer]]:
                held.add(call.number)
    return held


def before(sealed: Sealed, coverage: str) -> set[int]:
    """The rules of the earlier product, any of which flags: under five seconds from click to conversion, an address among the code's
    clicks, five on an address or ten on (browser, language, address) in a day, ten codes or twenty conversions in an hour, gaps that
    hardly vary."""
    held: set[int] = set()
    sees = coverage != "C0"
    clicks: dict[tuple[int, str | None], object] = {}
    clicked_from: dict[int, set[str]] = defaultdict(set)
    on: dict[tuple, deque] = defaultdict(deque)
    made: dict[tuple, deque] = defaultdict(deque)
    last: dict[int, deque] = defaultdict(lambda: deque(maxlen=10))
    for call in sealed.calls:
        context = getattr(call, "context", None) if sees else None
        if isinstance(call, Click):
            clicks[call.refer, call.referee_id] = call.at
            if context and context.ip:
                clicked_from[call.refer].add(context.ip)
        elif isinstance(call, Convert):
            reasons = False
            if at := clicks.get((call.refer, call.referee_id)):
                reasons |= (call.at - at).total_seconds() < 5
            if context and context.ip:
                reasons |= context.ip in clicked_from[call.refer]
                reasons |= _count(on[call.app, context.ip], call.at, DAY) >= 5
                fingerprint = (call.app, context.user_agent, context.accept_language, context.ip)
                reasons |= _count(on[fingerprint], call.at, DAY) >= 10
            reasons |= _count(made[call.app, call.refer], call.at, HOUR) >= 20
            times = last[call.refer]
            times.append(call.at)
            if len(times) >= 5:
                gaps = [(b - a).total_seconds() for a, b in zip(times, list(times)[1:], strict=False)]
                mean = sum(gaps) / len(gaps)
                reasons |= mean < 5 or sum((gap - mean) ** 2 for gap in gaps) / len(gaps) < 0.001
            if reasons:
                held.add(call.number)
    return held


def _count(seen: deque, at, within: timedelta) -> int:
    while seen and seen[0] < at - within:
        seen.popleft()
    seen.append(at)
    return len(seen)
