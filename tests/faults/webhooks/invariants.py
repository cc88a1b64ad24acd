"""What must hold after every fault, checked from the receiver's log, the rows, and nothing that the product says of itself.

I1  Every event is received by every endpoint that wants it, or its delivery stands in a final or held state with a reason.
I2  Every request verifies: with ``standardwebhooks``, with ``svix``, with the documented hex HMAC, and with its
    ``JSON.stringify(JSON.parse(body))`` form under Node.
I3  The same event for the same endpoint always has the same ``webhook-id`` and the same bytes.
I4  Nothing is marked delivered that the receiver did not answer with a 2xx.
I5  Every request has a row of its own among the attempts.
"""

import hashlib
import hmac
import json
import subprocess
from base64 import b64decode, b64encode
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from pathlib import Path
from unittest.mock import patch

import standardwebhooks
import svix

VERIFIER = Path(__file__).with_name("verify.mjs")


@dataclass
class Heard:
    """One line of the truth."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    busy: int
    answer: int | str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def n(self) -> int:
        return int(self.headers["x-webhook-attempt"])

    @cached_property
    def mark(self) -> str:
        """Which happening it tells of, from the body alone."""
        data = json.loads(self.body)["data"]
        return data.get("mark") or json.dumps(data, sort_keys=True)

    @property
    def is_accepted(self) -> bool:
        return isinstance(self.answer, int) and 200 <= self.answer < 300


def read(file: Path) -> list[Heard]:
    if not file.exists():
        return []
    heard = []
    for line in file.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            continue  # being written
        one = json.loads(line)
        one["headers"] = {name.lower(): value for name, value in one["headers"]}
        one["body"] = b64decode(one["body"])
        heard.append(Heard(**one))
    return heard


def documented(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Then(datetime):
    """The clock of the libraries, standing at the moment of receipt: they refuse what is older than five minutes."""

    moment = 0.0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.fromtimestamp(cls.moment, tz)


def standard_refusal(body: bytes, headers: dict[str, str], secret: str, at: float) -> Exception | None:
    """What either library says against it, at that moment."""
    Then.moment = at
    with patch.object(standardwebhooks.webhooks, "datetime", Then):
        try:
            standardwebhooks.Webhook(secret).verify(body.decode(), headers)
            svix.Webhook(secret).verify(body.decode(), headers)
        except (standardwebhooks.WebhookVerificationError, svix.WebhookVerificationError) as error:
            return error
    return None


def check(installation, *, expected: set[str], all_delivered: bool = True, duplicates: int | None = None) -> Counter:
    """Raises where one of I1 to I5 does not hold. ``expected``: the ids of the events that were committed.

    Looked at are the endpoints that the test still knows. ``all_delivered``: no delivery is in another state, nor has one
    failure. ``duplicates``: at most so many requests more than there are deliveries. Answers how many there were of each.
    """
    by_path = installation.paths()
    heard = [one for one in installation.heard() if one.path in by_path]
    deliveries = installation.rows(
        "SELECT d.id, d.endpoint_id, d.message_id, d.state, d.failures, d.reclaims, d.last_error, "
        "e.disabled_reason <> '' OR e.deleted_at IS NOT NULL FROM webhooks_webhookdelivery AS d "
        "JOIN webhooks_webhookendpoint AS e ON e.id = d.endpoint_id WHERE d.trigger <> 'test' AND e.id = ANY(%s) "
        "ORDER BY d.state = 'delivered'",
        list(by_path.values()),
    )
    counts = Counter((by_path[one.path], one.id) for one in heard)
    accepted = {(by_path[one.path], one.id) for one in heard if one.is_accepted}

    # I1
    undispatched = installation.rows("SELECT count(*) FROM events_event WHERE dispatched_at IS NULL")
    assert undispatched == [(0,)], f"I1: {undispatched} events are not dispatched"
    wanted = {(endpoint, event) for endpoint in installation.listening() for event in expected}
    rows = {(endpoint, message): state for _, endpoint, message, state, *_ in deliveries}
    assert not (missing := wanted - rows.keys()), f"I1: no delivery for {len(missing)}: {sorted(missing)[:5]}"
    unexpected = {pair for pair in rows if pair[1] not in expected}
    assert not unexpected, f"I1: told of what was not committed: {sorted(unexpected)[:5]}"
    for id, _, _, state, failures, reclaims, error, is_disabled in deliveries:
        said = f"{id} is {state} after {failures} failures and {reclaims} reclaims ({error})"
        if all_delivered:
            assert state == "delivered" and failures == 0, f"I1: {said}"
        assert state in ("delivered", "failed", "held", "quarantined"), f"I1: {said}"
        assert state == "delivered" or error or (state == "held" and is_disabled), f"I1: {said} without a reason"
    # I2
    wrong = badly_signed(heard, installation.secrets(), installation.node)
    assert not wrong, f"I2: {len(wrong)} of {len(heard)} requests do not verify: {wrong[:5]}"
    # I3
    told = defaultdict(set)
    for one in heard:
        told[by_path[one.path], one.mark].add((one.id, one.body))
    differing = [key for key, versions in told.items() if len(versions) > 1]
    assert not differing, f"I3: {differing[:5]}"
    # I4
    unheard = [pair for pair, state in rows.items() if state == "delivered" and pair not in accepted]
    assert not unheard, f"I4: {len(unheard)} marked delivered and never accepted: {unheard[:5]}"
    # I5
    attempts = Counter(
        installation.rows(
            "SELECT d.endpoint_id, d.message_id, a.n FROM webhooks_webhookattempt AS a "
            "JOIN webhooks_webhookdelivery AS d ON d.id = a.delivery_id"
        )
    )
    requests = Counter((by_path[one.path], one.id, one.n) for one in heard)
    unrecorded = requests - attempts
    assert not unrecorded, f"I5: {unrecorded.total()} requests without an attempt of their own: {list(unrecorded)[:5]}"

    # no secret in what the processes say
    for secrets in installation.secrets().values():
        for secret in secrets:
            assert secret not in installation.words(), "a secret is in a log"
    found = Counter(
        requests=len(heard), deliveries=len(deliveries), duplicates=sum(number - 1 for number in counts.values())
    )
    if duplicates is not None:
        assert found["duplicates"] <= duplicates, found
    return found


def badly_signed(heard: list[Heard], secrets: dict[str, list[str]], node: str | None) -> list[str]:
    """``secrets``: path -> all that the endpoint ever had. What does not verify, and by which of the four ways."""
    wrong = []
    lines = []
    for one in heard:
        known = secrets[one.path]
        if all(standard_refusal(one.body, one.headers, secret, one.at) for secret in known):
            wrong.append(f"{one.path} {one.id} #{one.n}: the libraries refuse it")
        if one.headers["x-webhook-signature"] not in [documented(one.body, secret) for secret in known]:
            wrong.append(f"{one.path} {one.id} #{one.n}: the documented form refuses it")
        lines.append(json.dumps([b64encode(one.body).decode(), one.headers["x-webhook-signature"], known]))
    if lines and node:
        said = subprocess.run(
            [node, str(VERIFIER)],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        told = json.loads(said.stdout)
        assert told["read"] == len(lines)
        wrong += [f"{heard[place].path} {heard[place].id}: not as JSON.stringify writes it" for place in told["wrong"]]
    return wrong
