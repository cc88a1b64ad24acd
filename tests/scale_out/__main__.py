"""``python -m tests.scale_out``: several nodes on this machine, of which one after the other is killed under load.

``--keep`` leaves them up and prints one line of JSON (as ``manage.py demo --json``) until Ctrl-C; ``--harm SECONDS`` kills
and restarts a web node, a worker and the broker in turn meanwhile.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

from kombu import Connection, Queue

from tests.faults.installation import until
from tests.faults.webhooks.brokers import RABBITMQ
from tests.faults.webhooks.site import Program
from tests.needs import find_node

from .clients import Clients
from .gates import find
from .load import Merchant
from .stack import Stack

QUEUES = ("incenta", "webhooks")
IN_TURN = ("web-1", "worker-1", "broker", "web-2", "worker-2")


def missing() -> list[str]:
    """Debian's packages that are not here."""
    wanted = []
    for package in ("nginx", "pgbouncer"):
        try:
            find(package)
        except FileNotFoundError:
            wanted.append(package)
    wanted += [] if Path(RABBITMQ).exists() else ["rabbitmq-server"]
    return wanted + ([] if find_node() else ["nodejs"])


def tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def receiver_of(stack: Stack) -> int:
    """Starts the merchant's webhook server; answers its port."""
    command = [sys.executable, "-m", "tests.faults.webhooks.receiver", str(stack.folder)]
    receiver = Program(stack, "receiver", command, stack.environment(), stdout=subprocess.PIPE)
    stack.programs["receiver"] = receiver
    return int(receiver.process.stdout.readline())


def prove(stack: Stack) -> None:
    merchant = Merchant(stack, find_node(), receiver_of(stack))
    for queue in QUEUES:
        with Connection(stack.broker.url) as broker:  # refused where it is of another kind
            Queue(queue, queue_arguments={"x-queue-type": "quorum"})(broker.default_channel).queue_declare()
    tell(f"the queues {' and '.join(QUEUES)} are quorum queues")
    started = time.monotonic()
    clients = Clients(stack, find_node(), merchant.other_listing)
    try:
        with merchant.busy():
            for name in IN_TURN:
                die_and_come_back(stack, merchant, clients, name)
            replica_lags(stack, merchant)
            replica_dies(stack, merchant)
    finally:
        clients.stop()
    pools = {row["database"]: row for row in stack.pgbouncer.shows("POOLS")}["incenta"]
    held = {kind: int(pools[f"{kind}_active"]) + int(pools.get(f"{kind}_idle") or 0) for kind in ("cl", "sv")}
    tell(
        f"pgbouncer: {held['cl']} connections of the nodes on {held['sv']} to the primary, at most {stack.pgbouncer.POOL}"
    )
    for line in merchant.check():
        tell(line)
    ended = [name for name, program in stack.programs.items() if not program.is_alive]
    assert not ended, f"{ended} ended by itself"
    took = time.monotonic() - started
    tell(
        f"{sum(merchant.calls.values())} requests in {took:.0f} s: {', '.join(f'{n} {what}' for what, n in merchant.calls.most_common())}"
    )


def die_and_come_back(stack: Stack, merchant: Merchant, clients: Clients, name: str) -> None:
    """A part is killed in the middle of the acceptance programs, and started again while they go on."""
    before = merchant.served
    clients.start()
    assert clients.are_under_way(), clients.words("seed") + clients.words("orders")
    stack.kill(name)
    merchant.more(4)
    stack.restart(name)
    merchant.more(4)
    clients.pass_well()
    tell(
        f"{name}: killed and started again; {merchant.served - before} customers were served meanwhile, and the acceptance programs passed"
    )


def replica_lags(stack: Stack, merchant: Merchant) -> None:
    """While it replays nothing, lists know what was answered all the same: the tills look."""
    seen = stack.pgbouncer.transactions("incenta_replica")
    merchant.more(4)
    read = stack.pgbouncer.transactions("incenta_replica") - seen
    assert read > 0, "the replica was asked nothing"
    stack.replica.rows("SELECT pg_wal_replay_pause()::text")
    merchant.more(4)
    stack.replica.rows("SELECT pg_wal_replay_resume()::text")
    tell(
        f"replica: {read} transactions while four customers were served; then its replay stood still, and no list missed a row"
    )


def replica_dies(stack: Stack, merchant: Merchant) -> None:
    stack.kill("replica")
    merchant.more(4)
    stack.restart("replica")
    seen = stack.pgbouncer.transactions("incenta_replica")

    def is_asked_again() -> bool:
        merchant.more(1)
        return stack.pgbouncer.transactions("incenta_replica") > seen + 5

    until(is_asked_again, "the replica is asked again")
    tell("replica: killed, the primary read for it; started again, and asked again")


def keep(stack: Stack, harm: float) -> None:
    print(json.dumps(stack.demo | {"baseUrl": stack.url, "folder": str(stack.folder)}), flush=True)
    for name in cycle(IN_TURN[:3]):
        time.sleep(harm or 3600)
        if harm:
            stack.kill(name)
            tell(f"{name} is killed")
            time.sleep(min(harm / 2, 3))
            stack.restart(name)
            tell(f"{name} is back")


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.scale_out", description=__doc__)
    options.add_argument(
        "--keep", action="store_true", help="leave it up until Ctrl-C, and print how to reach it as JSON"
    )
    options.add_argument("--harm", type=float, default=0, metavar="SECONDS", help="with --keep: kill a part so often")
    options.add_argument("--port", type=int, default=0, help="nginx's (a free one)")
    options.add_argument("--folder", type=Path, help="where all of it lives (a temporary one, removed at the end)")
    options.add_argument("--embedded", action="store_true", help="the embedded PostgreSQL 18, not Debian's")
    asked = options.parse_args()
    if wanted := missing():
        print(
            f"Missing: apt-get install {' '.join(wanted)}\nStop the services that apt starts; they are not used here."
        )
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="scale-"))
    folder.mkdir(parents=True, exist_ok=True)
    stack = Stack(folder, asked.port, is_embedded=asked.embedded)
    is_well = False
    try:
        tell(
            f"starting {stack.postgres} with a replica, pgbouncer, RabbitMQ, two web nodes, two workers, beat and nginx"
        )
        stack.start()
        tell(f"{stack.url} is ready")
        keep(stack, asked.harm) if asked.keep else prove(stack)
        is_well = True
    except KeyboardInterrupt:
        is_well = True
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave parts behind
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stack.stop()
        if is_well and not asked.folder:
            shutil.rmtree(folder, ignore_errors=True)
        elif not is_well:
            print(f"Logs: {folder}/log", file=sys.stderr)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "incenta.settings")
    sys.exit(main())
