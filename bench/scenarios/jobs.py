"""What beat rings while simulated time passes."""

from datetime import datetime

DUE = """
SELECT app_id, count(DISTINCT subject_id) FROM fraud_rescore
WHERE app_id = ANY(%(apps)s) AND due_at <= %(now)s GROUP BY app_id
"""
WAITING = """
SELECT a FROM unnest(%(apps)s::text[]) a WHERE EXISTS (
  SELECT FROM referrals_reward r WHERE r.app_id = a AND r.status = 'PENDING' AND coalesce(r.matures_at, r.created_at) <= %(now)s)
"""


def look_again(apps: list, now: datetime) -> int:
    """Takes the second looks that are due at ``now`` for these apps, and those that they ask for; answers how many."""
    from fraud import rescoring
    from incenta.database import sql

    by_id = {app.pk: app for app in apps}
    looked_at = 0
    while due := sql.rows(DUE, {"apps": list(by_id), "now": now}):
        for app_id, subjects in due:
            by_id[app_id].clock_frozen_at = now
            looked_at += rescoring.run(by_id[app_id], most=subjects)
    return looked_at


def waiting(apps: list, now: datetime) -> list:
    """Those of the apps in which a reward's time has come."""
    from incenta.database import sql

    found = sql.rows(WAITING, {"apps": [app.pk for app in apps], "now": now})
    return [app for app in apps if (app.pk,) in found]


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
