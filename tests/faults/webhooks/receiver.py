"""The merchant's server, a process of its own that tells nothing but the truth: what it heard is on disk before it answers.

``python -m tests.faults.webhooks.receiver FOLDER`` prints its port and appends one line of JSON a request to
``FOLDER/truth.jsonl``, in one write. How a path is answered is told to it by ``POST /_rules`` ({path: rule}); a rule is::

    {"status": 200, "headers": {}, "delay_ms": 0, "drop": "close" | "reset" | "hang",
     "times": 3,                                   then the path is answered as if there were no rule
     "documented": [secret, …], "standard": [secret, …]}   refuse with 401 what none of these secrets verifies
"""

import asyncio
import base64
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

from aiohttp import web

FOREVER_S = 3600


class Truth:
    def __init__(self, folder: Path) -> None:
        self.file = os.open(folder / "truth.jsonl", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        self.rules: dict[str, dict] = {}
        self.busy: Counter[str] = Counter()

    async def hear(self, request: web.Request) -> web.StreamResponse:
        at = time.time()
        body = await request.read()
        self.busy[request.path] += 1
        try:
            return await self.answer(request, body, at)
        finally:
            self.busy[request.path] -= 1

    async def answer(self, request: web.Request, body: bytes, at: float) -> web.StreamResponse:
        rule = self.rules.get(request.path, {})
        if "times" in rule:
            rule["times"] -= 1
            if rule["times"] <= 0:
                del self.rules[request.path]
        status, drop = rule.get("status", 200), rule.get("drop")
        if not is_signed(request, body, rule):
            status = 401
        line = {
            "at": at,
            "method": request.method,
            "path": request.path,
            "headers": [[name, value] for name, value in request.headers.items()],
            "body": base64.b64encode(body).decode(),
            "busy": self.busy[request.path],
            "answer": drop or status,
        }
        os.write(self.file, json.dumps(line).encode() + b"\n")
        await asyncio.sleep(FOREVER_S if drop == "hang" else rule.get("delay_ms", 0) / 1000)
        if drop == "reset":
            request.transport.abort()
        elif drop == "close":
            request.transport.close()
        return web.Response(status=status, headers=rule.get("headers", {}))

    async def learn(self, request: web.Request) -> web.Response:
        self.rules.update(await request.json())
        return web.Response()

    async def forget(self, request: web.Request) -> web.Response:
        self.rules.clear()
        return web.Response()


def is_signed(request: web.Request, body: bytes, rule: dict) -> bool:
    """As a merchant verifies: with the documented header and one of its secrets, or with the library."""
    if secrets := rule.get("documented"):
        from tests.faults.webhooks.invariants import documented

        return request.headers.get("X-Webhook-Signature") in [documented(body, secret) for secret in secrets]
    if secrets := rule.get("standard"):
        from tests.faults.webhooks.invariants import standard_refusal

        headers = {name.lower(): value for name, value in request.headers.items()}
        return any(standard_refusal(body, headers, secret, time.time()) is None for secret in secrets)
    return True


async def serve(folder: Path) -> None:
    truth = Truth(folder)
    app = web.Application(client_max_size=1024 * 1024)
    app.router.add_post("/_rules", truth.learn)
    app.router.add_delete("/_rules", truth.forget)
    app.router.add_route("*", "/{path:.*}", truth.hear)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
