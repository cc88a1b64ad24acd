"""Eight connections that ask as fast as they are answered: by wrk, or where it is not installed, by a plain loop of our own.

The generator runs on the same machine, so what it costs is part of every figure; the constant view pays it too.
"""

import json
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.calls import Call, filled, lua
from bench.million import Million

CONNECTIONS = 8


@dataclass(frozen=True)
class Measured:
    per_second: float
    p50: float
    """Milliseconds, as ``p99``."""
    p99: float


def generator() -> str:
    return "wrk" if shutil.which("wrk") else "a Python loop"


def drive(port: int, call: Call, million: Million, seconds: float) -> Measured:
    """Asks for so long. Stops the bench where an answer was refused: then something else was measured."""
    start = time.time_ns() // 1000
    if shutil.which("wrk"):
        told = _wrk(port, lua(call, million, start), seconds)
    else:
        told = _loop(port, call, million, start, seconds)
    if told["refused"] or told["broken"] or not told["requests"]:
        raise SystemExit(f"{call.name}: {told}. Look into .data/bench/web.log.")
    return Measured(told["requests"] / told["seconds"], told["p50"], told["p99"])


def _wrk(port: int, script: str, seconds: float) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "call.lua"
        file.write_text(script)
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(file)]
        done = subprocess.run([*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise SystemExit(f"wrk failed: {done.stdout}{done.stderr}")
    return json.loads(line.removeprefix("RESULT "))


def _loop(port: int, call: Call, million: Million, start: int, seconds: float) -> dict:
    """The loop runs in a process of its own, so that it has an interpreter to itself."""
    asked = json.dumps([port, call.name, million.__dict__, start, seconds])
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    return json.loads(done.stdout)


def main() -> None:
    from bench.calls import CALLS

    port, name, known, number, seconds = json.load(sys.stdin)
    call, million = next(call for call in CALLS if call.name == name), Million(**known)
    ready = selectors.DefaultSelector()
    waits: list[float] = []
    refused = 0

    def ask(connection: socket.socket) -> None:
        nonlocal number
        number += 1
        path, body = filled(call, million, number)
        connection.sendall(
            f"{call.method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nx-api-key: {million.secret}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        asked[connection] = time.perf_counter()

    asked: dict[socket.socket, float] = {}
    begun = time.perf_counter()
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ready.register(connection, selectors.EVENT_READ)
        ask(connection)
    while (now := time.perf_counter()) < begun + seconds:
        for key, _ in ready.select(1):
            connection = key.fileobj
            head, _, rest = connection.recv(65536).partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
            while len(rest) < length:
                rest += connection.recv(65536)
            waits.append(time.perf_counter() - asked[connection])
            refused += head[9:10] != b"2"
            ask(connection)
    cuts = statistics.quantiles(waits, n=100)
    told = {"requests": len(waits), "seconds": now - begun, "refused": refused, "broken": 0}
    print(json.dumps(told | {"p50": cuts[49] * 1000, "p99": cuts[98] * 1000}))


if __name__ == "__main__":
    main()
