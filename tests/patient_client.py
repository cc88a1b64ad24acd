"""A client of the API that does not give up, as every client should be."""

import http.client
import json
import time
from collections import Counter
from collections.abc import Iterator

PATIENCE = 90
"""Seconds until what must happen has happened, on a machine that is busy with other things. Nothing waits so long on a free one."""


class PatientClient:
    """Speaks to ``port`` of this machine with ``key``. ``calls`` counts requests by what became of them."""

    port: int
    key: str

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def patience(self) -> float:
        """Seconds for one call with all its tries."""
        return PATIENCE

    def call(self, method: str, path: str, body: object = None, *, once: str = "") -> tuple[int, dict]:
        """Sends a request until it has an answer that is not the installation's fault.

        ``once`` is its Idempotency-Key. Answers status and body.
        """
        headers = {"x-api-key": self.key, "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": once} if once else {}
        sent = None if body is None else json.dumps(body)
        deadline = time.monotonic() + self.patience()
        last: object = None
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            status = 0
            try:
                connection.request(method, f"/v1{path}", sent, headers)
                response = connection.getresponse()
                status = response.status
                answer = json.loads(response.read())
                if status < 500 and answer.get("code") != "idempotency_in_progress":
                    self.calls["answered"] += 1
                    return status, answer
                last = answer
                self.calls[f"sent again after {answer.get('code', status)}"] += 1
            except (OSError, http.client.HTTPException, ValueError) as error:
                last = error
                self.calls[f"sent again after {status or type(error).__name__}"] += 1
            finally:
                connection.close()
            time.sleep(0.1)
        raise AssertionError(f"{method} {path} was never answered: {last!r}")

    def get(self, path: str) -> dict:
        status, answer = self.call("GET", path)
        assert status == 200, (path, answer)
        return answer

    def post(self, path: str, body: object, *, once: str = "") -> dict:
        status, answer = self.call("POST", path, body, once=once)
        assert status in (200, 201), (path, answer)
        return answer

    def events(self) -> Iterator[dict]:
        """The whole feed, oldest first."""
        after = ""
        while True:
            page = self.get(f"/events?limit=100{after}")
            yield from page["events"]
            if not page["pagination"]["hasMore"]:
                return
            after = f"&after={page['pagination']['after']}"
