"""A merchant's server for the bench: answers 200 after 50 ms (paths under ``/hung`` never), and tells what it got and when.

``python -m bench.webhook_receiver``: prints its port. ``GET /log`` answers ``[[path, webhook-id, seconds], …]`` and forgets it.
"""

import asyncio
import json
import re
import sys
import time

DELAY_S = 0.05
_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
_ID = re.compile(rb"webhook-id: *(\S+)", re.I)


class Receiver(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, and nothing that costs time: what is measured is the sender."""

    log: list[tuple[str, str, float]] = []

    def connection_made(self, transport):
        self.transport, self.received = transport, b""

    def data_received(self, data):
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end]
            length = _LENGTH.search(head)
            end += 4 + (int(length[1]) if length else 0)
            if len(self.received) < end:
                return
            self.received = self.received[end:]
            method, path, _ = head.split(b" ", 2)
            if method == b"GET":
                told, self.log[:] = json.dumps(self.log).encode(), []
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(told) + told)
                continue
            self.log.append((path.decode(), _ID.search(head)[1].decode(), time.time()))
            if not path.startswith(b"/hung"):
                asyncio.get_running_loop().call_later(DELAY_S, self._answer)

    def _answer(self):
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until whoever started it is gone


if __name__ == "__main__":
    asyncio.run(main())
