"""What beat rings while simulated time passes."""

from datetime import datetime


def look_again(apps: list, now: datetime) -> int:
    """Takes the second looks that are due at ``now`` for these apps; answers how many."""
    from fraud import rescoring

    looked_at = 0
    for app in apps:
        app.clock_frozen_at = now
        done = most = rescoring.MOST_AT_ONCE
        while done == most:
            looked_at += (done := rescoring.run(app, most=most))
    return looked_at


def mature(apps: list, now: datetime) -> None:
    """Rewards that complete themselves do, once their hold period is over."""
    from referrals import maturing

    for app in apps:
        app.clock_frozen_at = now
        maturing.sweep(app)


def look_for_farming(apps: list, now: datetime) -> int:
    """Judges who earned points since the last look; answers how many users."""
    from incentives import farming

    judged = 0
    for app in apps:
        app.clock_frozen_at = now
        judged += farming.look(app)
    return judged
