"""``python -m bench pages``: the server's time of each list of the dashboard, at ten thousand rows and at a million.

Each page is asked in this process, middleware and session included, in turn from either database, and its median at the larger is
held against that at the smaller: at most twice as much, for it reads a page's worth of an index and counts no table. Time is that of
a processor, Python's and the database's together, so that whatever else runs on the machine is not in it; where the database's
cannot be read, it is the wall's.
"""

import argparse
import math
import statistics
import time
from pathlib import Path

from bench import filled, installation
from bench.million import say

MOST = 2.0
"""What a list may cost at the larger size, as a multiple of what it costs at the smaller."""
FULL_MS, SWAP_MS = 150, 80
"""Bars of section 5: a page whole, and what a filter swaps."""
PAGES: dict[str, tuple[str, ...]] = {
    "overview/": ("", "range=90"),
    "notifications/": ("",),
    "campaigns/": ("", "q=Campaign+7", "status=ACTIVE", "sort=-conversions"),
    "campaigns/camp_{first}/": ("",),
    "campaigns/camp_{first}/referrals/": ("", "status=CONVERTED", "after=ref_{middle}"),
    "referrals/": (
        "", "after=ref_{middle}", "before=ref_{middle}", "status=CONVERTED", "status=FLAGGED", "flagged=yes", "flagged=no",
        "campaign=camp_{first}", "q=u{i}", "q=B{i:0>7}", "q=nobody", "status=PENDING&campaign=camp_{first}",
    ),
    "referrals/ref_{middle}/": ("",),
    "conversions/": (
        "", "after=conv_{middle}", "status=FLAGGED", "status=REVERSED", "status=CONVERTED", "campaign=camp_{first}", "q=order-{i}",
        "q=f{i}", "q=nobody", "least=20&most=21", "least=90000",
    ),
    "conversions/conv_{middle}/": ("",),
    "rewards/": (
        "", "after=rew_{middle}", "status=PENDING", "status=PENDING&held=no", "held=yes", "status=PENDING&held=yes", "status=PAID",
        "fulfillment=MANUAL", "fulfillment=GIFT_CARD", "campaign=camp_{first}", "user=u{i}", "user=nobody",
    ),
    "rewards/rew_{middle}/": ("",),
    "people/": ("id=u{i}",),
    "fraud/": ("", "state=closed", "state=kept", "type=SELF_REFERRAL", "type=MANUAL", "min_score=90", "q=u{i}", "q=nobody", "mine=true",
               "state=closed&after=case_{middle}"),
    "fraud/cases/case_{middle}/": ("",),
    "fraud/cases/case_{middle}/linked/": ("",),
    "fraud/lists/": ("", "side=ALLOW", "kind=USER", "kind=IP", "q=u{i}", "q=nobody", "sort=value", "page=20"),
    "fraud/mutes/": ("",),
    "incentives/actions/": ("",),
    "incentives/levels/": ("",),
    "incentives/badges/": ("",),
    "incentives/milestones/": ("",),
    "incentives/users/": ("", "q=u{i}", "q=nobody", "after=u{i}"),
    "incentives/users/one/": ("id=u1", "id=u1&asset=COIN", "id=u{i}"),
    "incentives/leaderboard/": ("", "q=u{i}", "metric=coins", "metric=referrals", "page=20"),
    "incentives/catalog/": ("", "q=Mug+7"),
    "incentives/redemptions/": ("", "status=PENDING", "status=CANCELLED", "item=item_{first}", "q=u{i}", "q=nobody", "after=rdm_{middle}"),
    "marketplace/listings/": ("", "q=Coffee+7", "status=active", "status=off"),
    "marketplace/listings/lst_{first}/": ("",),
    "marketplace/promotions/": ("", "status=running", "status=ended"),
    "marketplace/redemptions/": ("", "status=PENDING", "status=CANCELLED", "listing=lst_{first}", "q=u{i}", "q=nobody",
                                 "after=rdm_{middle}"),
    "marketplace/redemptions/here/": ("", "status=PENDING", "status=CANCELLED", "listing=lst_{first}", "q=CAFE-{i}", "q=nobody"),
    "marketplace/statement/": ("",),
    "webhooks/": ("",),
    "webhooks/whk_{first}/": ("", "status=failed", "after=dlv_{lately}", "q=nothing"),
    "log/": ("", "range=month", "status=4xx"),
    "log/requests/": ("", "status=4xx", "status=5xx", "q=conversions", "q=nothing", "user=f{i}", "after=req_{lately}"),
    "usage/": ("",),
    "team/": ("",),
    "keys/": ("",),
    "apps/": ("",),
    "audit/": ("", "actor=user:1", "actor=nobody", "type=events", "type=desk"),
}  # fmt: skip
"""A page of the app -> the filters that it is asked with."""
SUMS = {"marketplace/statement/": math.inf, "campaigns/camp_{first}/": FULL_MS}
"""No lists but sums, exact to the last entry: they cost by what they add up. A partner's month, here a twelfth of all rows, is printed
and not judged; a campaign's month, here fifty thousand rewards on hold and four thousand codes followed, keeps to its milliseconds."""


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    installation.HOME = installation.HOME / "pages"
    installation.HOME.mkdir(parents=True, exist_ok=True)
    installation.enter()
    from django.conf import settings

    # nothing is served here: files of the tree as they are, and no second cluster for a cache
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    small, large = options.rows
    apps = {rows: filled.ready(rows) for rows in (small, large)}
    addresses = [
        f"{path}?{query}" if query else path
        for path, queries in PAGES.items()
        for query in queries
        if options.only in f"{path}?{query}"
    ]
    measured: dict[tuple[int, str, bool], list[float]] = {}
    statements: dict[tuple[int, str], int] = {}
    for round_ in range(options.rounds):
        for rows, app in apps.items():
            filled.use(rows)
            _ask(app, addresses, rows, measured, statements)
        say(f"  round {round_ + 1} of {options.rounds}")
    _print(addresses, small, large, measured, statements)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench pages", description=__doc__)
    parser.add_argument(
        "--rows", type=int, nargs=2, default=(10_000, 1_000_000), metavar=("SMALL", "LARGE"), help="(10000 1000000)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each is asked, thrice in a row (3)")
    parser.add_argument("--only", default="", help="part of an address, such as rewards/")
    return parser.parse_args(arguments)


def spent() -> float:
    """Seconds of a processor that this process and its database session have used so far."""
    from django.db import connection

    connection.ensure_connection()
    try:
        backend = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text().split()[0]
    except OSError:
        return time.perf_counter()
    return time.process_time() + int(backend) / 1e9


def _ask(app: filled.Filled, addresses: list[str], rows: int, measured: dict, statements: dict) -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from incenta.accounts.models import User

    browser = Client(headers={"host": "127.0.0.1"})
    browser.force_login(
        User.objects.get(pk=app.owner_id), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    for address in addresses:
        where = f"/dashboard/{app.app_id}/{address.format(**app.names)}"
        for is_swap in (False, True):
            headers = {"hx-request": "true"} if is_swap else {}
            for time_ in range(4):  # the first one warms up
                started = spent()
                if time_ or is_swap:
                    answer = browser.get(where, headers=headers)
                else:
                    with CaptureQueriesContext(connection) as captured:
                        answer = browser.get(where, headers=headers)
                    statements[rows, address] = len(captured)
                took = 1000 * (spent() - started)
                if answer.status_code != 200:
                    raise SystemExit(f"{where}: {answer.status_code}")
                if time_ and not (is_swap and answer.content.startswith(b"<!doctype")):
                    measured.setdefault((rows, address, is_swap), []).append(took)


def _print(addresses: list[str], small: int, large: int, measured: dict, statements: dict) -> None:
    print()
    print(
        f"Medians in milliseconds of a processor, at {small:,} and at {large:,} rows of each thing; at most {MOST:g} times as much."
    )
    print()
    print("| page | statements | whole | | ratio | swapped | | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    missed = []
    for address in addresses:
        told = []
        for is_swap, bar in ((False, FULL_MS), (True, SWAP_MS)):
            if (large, address, is_swap) not in measured:
                told.append(" | | ")
                continue
            few, many = (statistics.median(measured[rows, address, is_swap]) for rows in (small, large))
            told.append(f"{few:.1f} | {many:.1f} | {many / few:.2f}")
            if many > SUMS.get(address, min(bar, MOST * few)):
                missed.append(f"{address}: {few:.1f} → {many:.1f} ms {'swapped' if is_swap else 'whole'}")
        print(f"| `{address}` | {statements[large, address]} | {' | '.join(told)} |")
    print()
    if missed:
        raise SystemExit("\n".join(missed))
