"""The only outbound HTTP. One request, bounded in time, size and headers, and told as an :class:`Outcome`.

Not followed: redirects. Not used: proxies of the environment, cookies, decompression, retries of the client. A 2xx status line
is success even if the body then stalls, for the receiver has said yes and would only get a duplicate.
"""

import asyncio
import socket
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver
from django.conf import settings
from yarl import URL

from . import receiver_address, retries, targets

KEPT_BODY_BYTES = 16 * 1024
BODY_WAIT_S = 2.0
DNS_WAIT_S, DNS_TRIES = 2.0, 2
"""Name servers that keep silent are asked no longer than this; whoever asks for another name does not wait with them."""
KEEP_ALIVE_S = 4.0
"""Shorter than the 5 s after which Node and many proxies close an idle connection, so that we rarely meet a closed one."""


class Blocked(OSError):
    """The name led to an address that we do not open."""

    def __init__(self):
        super().__init__("address not allowed")


@dataclass
class Outcome:
    """What became of one request. ``error`` is None on a 2xx, else one of
    ``status redirect timeout dns tls blocked connection disconnected protocol``.
    """

    status: int | None = None
    error: str | None = None
    ms: int = 0
    ip: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    retry_after: float | None = None
    was_stale: bool = False
    """The receiver had closed the kept-alive connection that we reused: neither side's fault."""

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def _open_socket(addr_info) -> socket.socket:
    """Called once per concrete address, after any name is resolved, so a name cannot change its mind in between."""
    family, kind, proto, _, address = addr_info
    if not settings.ALLOW_PRIVATE_WEBHOOKS and not targets.is_public(address[0]):
        raise Blocked
    return socket.socket(family, kind, proto)


class _Request(aiohttp.ClientRequest):
    """Remembers the address it went to; a short answer has given its connection back before we could ask."""

    peer: str | None = None

    async def send(self, conn):
        name = conn.transport.get_extra_info("peername") if conn.transport else None
        response = await super().send(conn)
        response.peer_address = name[0] if name else None
        return response


class _Names(AbstractResolver):
    """Looks names up, and knows which it is still looking up: a request that timed out over that never left."""

    def __init__(self, resolver: AbstractResolver):
        self._resolver = resolver
        self._asked: Counter[str] = Counter()

    async def resolve(self, host: str, port: int = 0, family=socket.AF_INET):
        self._asked[host] += 1
        try:
            return await self._resolver.resolve(host, port, family)
        finally:
            self._asked[host] -= 1
            self._asked += Counter()  # drops the zeros

    async def close(self) -> None:
        await self._resolver.close()

    def is_looking_up(self, url: str) -> bool:
        return self._asked[URL(url).raw_host or ""] > 0


class _Response(aiohttp.ClientResponse):
    peer_address: str | None = None


class Sender:
    """A pool of connections with one TLS context. ``async with Sender() as sender: await sender.post(…)``."""

    def __init__(self, *, resolver: AbstractResolver | None = None, tls: ssl.SSLContext | None = None):
        self._resolver = resolver
        self._tls = tls or _tls_context()

    async def __aenter__(self) -> "Sender":
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        resolver = self._resolver or aiohttp.AsyncResolver(timeout=DNS_WAIT_S, tries=DNS_TRIES)
        self._names = _Names(resolver)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the pump's slots are the limit
                ttl_dns_cache=30,
                keepalive_timeout=KEEP_ALIVE_S,
                resolver=self._names,
                socket_factory=_open_socket,
                ssl=self._tls,
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=KEPT_BODY_BYTES,
            skip_auto_headers=("Accept", "Accept-Encoding"),
            trust_env=False,
            trace_configs=[trace],
            request_class=_Request,
            response_class=_Response,
        )
        return self

    async def __aexit__(self, *exc) -> None:
        await self._session.close()
        await self._names.close()

    async def post(self, url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> Outcome:
        """Posts once; never raises for what the receiver or the network does."""
        started = time.perf_counter()
        if receiver_address.app_id_at(url):
            return await _hand_over(url, body, headers, started)
        outcome = Outcome()
        context = SimpleNamespace(reused=False)
        try:
            target = targets.check(url, allows_private=settings.ALLOW_PRIVATE_WEBHOOKS)
            async with self._session.post(
                target,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                trace_request_ctx=context,
            ) as response:
                await _read(response, outcome)
        except targets.Refused:
            outcome.error = "blocked"
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: a status line or header that aiohttp's parser passes on and Python then refuses
            outcome.error = _name(error)
            if outcome.error == "timeout" and self._names.is_looking_up(target):
                outcome.error = "dns"
            outcome.was_stale = context.reused and outcome.error in ("disconnected", "connection")
        outcome.ms = int((time.perf_counter() - started) * 1000)
        return outcome


async def _hand_over(url: str, body: bytes, headers: dict[str, str], started: float) -> Outcome:
    """To our own test receiver, without a request: no socket is opened, so its guard knows no exception."""
    from .receiving import receive_in_thread

    token = url.rpartition("/")[2]
    status, text = await asyncio.to_thread(receive_in_thread, token, headers, body)
    outcome = Outcome(status=status, headers={"Content-Type": "text/plain; charset=utf-8"}, body=text)
    if not outcome.is_success:
        outcome.error = "redirect" if 300 <= status < 400 else "status"
    outcome.ms = int((time.perf_counter() - started) * 1000)
    return outcome


async def _read(response: _Response, outcome: Outcome) -> None:
    outcome.status = response.status
    outcome.ip = response.peer_address
    outcome.headers = {_printable(name): _printable(value) for name, value in list(response.headers.items())[:50]}
    outcome.retry_after = retries.parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
    if not outcome.is_success:
        outcome.error = "redirect" if 300 <= response.status < 400 else "status"
    kept = bytearray()
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            while len(kept) < KEPT_BODY_BYTES:
                chunk = await response.content.read(KEPT_BODY_BYTES - len(kept))
                if not chunk:
                    break
                kept += chunk
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        response.close()
    if len(kept) >= KEPT_BODY_BYTES:
        response.close()
    outcome.body = _printable(kept.decode("utf-8", "replace"))


def _name(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns"
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls"
    if isinstance(error, TimeoutError):
        return "timeout"
    if str(Blocked()) in str(error.__cause__):
        return "blocked"  # by its text, for several refusals are folded into one OSError
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "disconnected"
    if isinstance(error, aiohttp.ClientOSError | OSError):
        return "connection"
    return "protocol"


def _printable(text: str) -> str:
    """Text that PostgreSQL takes: without NUL, and without the lone surrogates that aiohttp leaves in headers."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:KEPT_BODY_BYTES]


async def _note_reuse(session, context, params) -> None:
    context.trace_request_ctx.reused = True


def _tls_context() -> ssl.SSLContext:
    global _shared_tls
    if _shared_tls is None:
        _shared_tls = ssl.create_default_context()
        _shared_tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return _shared_tls


_shared_tls: ssl.SSLContext | None = None
"""Built once a process: loading the authorities costs more than a request."""
