"""One request, whatever the receiver does: bounded in time and size, and never to an inner address."""

import asyncio
import datetime
import gzip
import os
import socket
import ssl
import sys
import time

import pytest
from aiohttp.abc import AbstractResolver
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from webhooks.transport import KEPT_BODY_BYTES, Outcome, Sender

from .test_targets import INNER

TIMEOUT_S = 1.5
HOSTILE_TIMEOUT_S = 3
"""Longer: all of them keep one loop busy, and whose head comes must have come by then on a busy machine, too."""


def post(url: str, *, timeout_s: float = TIMEOUT_S, times: int = 1, pause_s: float = 0, **options) -> Outcome:
    async def run():
        async with Sender(**options) as sender:
            for n in range(times):
                if n:
                    await asyncio.sleep(pause_s)
                outcome = await sender.post(url, b"{}", {"X-Webhook-Id": "msg_1"}, timeout_s)
            return outcome

    return asyncio.run(run())


# -- hostile receivers -----------------------------------------------------------------------------------------------------
async def hostile(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The receivers of the measured design: each path misbehaves in its own way."""

    async def say(*parts: bytes):
        for part in parts:
            writer.write(part)
        await writer.drain()

    async def drip(part: bytes, every_s: float):
        while True:
            await say(part)
            await asyncio.sleep(every_s)

    try:
        head = await reader.readuntil(b"\r\n\r\n")
        match head.split()[1].decode():
            case "/endless":
                await say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                await drip(b"10000\r\n" + b"x" * 65536 + b"\r\n", 0)
            case "/drip":
                await say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                await drip(b"x", 0.2)
            case "/drip-refusal":
                await say(b"HTTP/1.1 500 No\r\nContent-Length: 1000000\r\n\r\n")
                await drip(b"x", 0.2)
            case "/drip-head":
                await say(b"HTTP/1.1 200 OK\r\n")
                await drip(b"X-A: b\r\n", 0.1)
            case "/many-headers":
                await say(
                    b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 4000) for n in range(5000)) + b"\r\n"
                )
            case "/long-header":
                await say(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000_000 + b"\r\n\r\n")
            case "/bomb":
                bomb = gzip.compress(b"\0" * 50_000_000, 1)
                await say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb), bomb)
            case "/continue":
                await drip(b"HTTP/1.1 100 Continue\r\n\r\n", 0.01)
            case "/garbage":
                await say(os.urandom(1000))
            case "/nothing":
                return
            case "/short":
                await say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
                return
            case "/nul":
                await say(b"HTTP/1.1 500 X\r\nX-Odd: a\xff\xfeb\r\nContent-Length: 6\r\n\r\na\0\xff\xfe\0b")
            case "/latin":
                await say("HTTP/1.1 400 Où\r\nContent-Length: 2\r\n\r\né".encode("latin-1") + b"\xe9")
            case "/odd-status":
                await say(b"HTTP/1.1 999999 X\r\nContent-Length: 0\r\n\r\n")
            case "/negative-length":
                await say(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n")
        await asyncio.sleep(30)
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """All hostile receivers at once, so that the module's time is that of the slowest."""
    paths = """endless drip drip-refusal drip-head many-headers long-header bomb continue garbage nothing short nul latin
        odd-status negative-length silent""".split()

    async def run():
        server = await asyncio.start_server(hostile, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with Sender() as sender:
            found = await asyncio.gather(*(sender.post(url + path, b"{}", {}, HOSTILE_TIMEOUT_S) for path in paths))
        server.close()
        return dict(zip(paths, found, strict=True))

    from django.test import override_settings

    with override_settings(ALLOW_PRIVATE_WEBHOOKS=True):
        return asyncio.run(run())


def test_no_receiver_takes_longer_than_the_limits(outcomes):
    """Not by the second: most of them would go on for ever."""
    limit = (HOSTILE_TIMEOUT_S + 2 + 15) * 1000
    assert {path: outcome.ms for path, outcome in outcomes.items() if outcome.ms > limit} == {}


def test_no_more_is_kept_than_the_limit(outcomes):
    assert all(len(outcome.body) <= KEPT_BODY_BYTES and len(outcome.headers) <= 50 for outcome in outcomes.values())
    assert not any("\0" in outcome.body for outcome in outcomes.values())


@pytest.mark.parametrize("path", ["endless", "drip", "bomb", "short"])
def test_a_200_is_success_whatever_the_body_then_does(outcomes, path):
    assert outcomes[path].is_success
    assert outcomes[path].error is None


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("drip-head", "timeout"),
        ("continue", "timeout"),
        ("silent", "timeout"),
        ("many-headers", "protocol"),
        ("long-header", "protocol"),
        ("garbage", "protocol"),
        ("odd-status", "protocol"),
        ("nothing", "disconnected"),
        ("drip-refusal", "status"),
        ("nul", "status"),
    ],
)
def test_what_else_they_do_is_told_by_its_name(outcomes, path, error):
    assert not outcomes[path].is_success
    assert outcomes[path].error == error


def test_what_is_kept_goes_into_the_database(outcomes):
    assert outcomes["nul"].body == "a\ufffd\ufffdb"
    for outcome in outcomes.values():
        (outcome.body + "".join(outcome.headers) + "".join(outcome.headers.values())).encode()


# -- ordinary trouble ------------------------------------------------------------------------------------------------------
def test_a_redirect_is_a_failure_and_is_not_followed(development, receiver):
    receiver.answer = lambda request: (
        (307, {"Location": receiver.url("/elsewhere")}, b"") if request.path == "/hooks" else 200
    )

    outcome = post(receiver.url())

    assert (outcome.status, outcome.error) == (307, "redirect")
    assert [request.path for request in receiver.received] == ["/hooks"]


def test_nobody_at_home(development, free_port):
    assert post(f"http://127.0.0.1:{free_port}/").error == "connection"


def test_a_proxy_of_the_environment_is_not_asked(development, receiver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert post(receiver.url()).is_success


def test_cookies_are_not_brought_back(development, receiver):
    receiver.answer = lambda request: (200, {"Set-Cookie": "a=b; Path=/"}, b"")
    post(receiver.url(), times=2)

    assert "cookie" not in receiver.received[1].headers


def test_a_closed_idle_connection_is_told_from_a_refusal(development):
    """The receiver closes the connection that we kept, just when we use it again: nobody's failure."""

    async def run():
        async def one_answer(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            await reader.read(1)  # the next request begins
            writer.close()

        server = await asyncio.start_server(one_answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with Sender() as sender:
            outcomes = [await sender.post(url, b"", {}, TIMEOUT_S) for _ in range(2)]
        server.close()
        return outcomes

    first, second = asyncio.run(run())
    assert first.is_success
    assert second.error in ("disconnected", "connection")
    assert second.was_stale


def certificate(folder, name: str) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    return context


@pytest.mark.parametrize(("host", "error"), [("shop.example.com", None), ("other.example.com", "tls")])
def test_the_name_is_what_the_certificate_must_say(development, tmp_path, host, error):
    async def run():
        async def ok(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

        server = await asyncio.start_server(ok, "127.0.0.1", 0, ssl=certificate(tmp_path, "shop.example.com"))
        trusted = ssl.create_default_context(cafile=tmp_path / "crt")
        async with Sender(resolver=Names("127.0.0.1"), tls=trusted) as sender:
            outcome = await sender.post(f"https://{host}:{server.sockets[0].getsockname()[1]}/", b"", {}, TIMEOUT_S)
        server.close()
        return outcome

    assert asyncio.run(run()).error == error


# -- inner addresses -------------------------------------------------------------------------------------------------------
class Names(AbstractResolver):
    """A name server that answers every name with these addresses, one list a question; the last one stays."""

    def __init__(self, *answers: str | list[str]):
        self.answers = [[answer] if isinstance(answer, str) else answer for answer in answers]

    async def resolve(self, host, port=0, family=socket.AF_INET):
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in addresses
        ]

    async def close(self):
        pass


class Connections:
    """Every address to which this process opens a connection, as the interpreter itself tells it."""

    def __init__(self):
        self.opened: list | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple) -> None:
        if event == "socket.connect" and self.opened is not None:
            self.opened.append(args[1])


_connections = Connections()


@pytest.fixture
def opened():
    _connections.opened = []
    yield _connections.opened
    _connections.opened = None


def test_the_watch_on_connections_sees_one(development, receiver, opened):
    assert post(receiver.url()).is_success
    assert len(opened) == 1


@pytest.mark.parametrize("address", [address for address in INNER if "%" not in address])
def test_a_name_that_leads_inside_is_not_followed(address, opened):
    outcome = post("https://shop.example.com/hooks", resolver=Names(address))

    assert outcome.error == "blocked"
    assert opened == []


def test_none_of_several_inner_addresses_is_tried(opened):
    outcome = post("https://shop.example.com/", resolver=Names(["10.0.0.1", "::1", "169.254.169.254", "fd00:ec2::254"]))

    assert outcome.error == "blocked"
    assert opened == []


def test_a_name_that_changes_its_mind_is_checked_each_time(opened):
    """Rebinding: the check is made on the very address that is connected to, so there is no moment in between."""
    names = Names("127.0.0.2", "127.0.0.1")

    async def run():
        async with Sender(resolver=names) as sender:
            sender._session.connector.clear_dns_cache()
            first = await sender.post("https://shop.example.com/", b"", {}, TIMEOUT_S)
            sender._session.connector.clear_dns_cache()
            return [first, await sender.post("https://shop.example.com/", b"", {}, TIMEOUT_S)]

    assert [outcome.error for outcome in asyncio.run(run())] == ["blocked", "blocked"]
    assert opened == []


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://localhost/", "https://①②⑦.0.0.1/", "https://a@127.0.0.1/",
     "https://127.1/", "https://2130706433/", "http://example.com/"],
)  # fmt: skip
def test_a_url_saved_before_a_rule_is_checked_when_it_is_sent(url, opened):
    assert post(url).error == "blocked"
    assert opened == []


def test_even_past_the_url_check_no_inner_literal_is_opened(opened, monkeypatch):
    """The guard at the socket stands alone: literals skip the resolver, and odd ones are read by the system."""
    from webhooks import targets

    monkeypatch.setattr(targets, "check", lambda url, *, allows_private: url)
    for url in [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:7f00:1]/",
        "https://localhost/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
    ]:
        outcome = post(url)
        assert not outcome.is_success
    assert [address for address in opened if address[1] == 443] == []


def test_slow_names_take_no_longer_than_the_limit():
    class Slow(Names):
        async def resolve(self, *args, **kwargs):
            await asyncio.sleep(30)

    started = time.monotonic()
    assert post("https://shop.example.com/", resolver=Slow("1.1.1.1"), timeout_s=0.5).error == "dns"
    assert time.monotonic() - started < 15


def test_a_name_that_does_not_exist():
    class Unknown(Names):
        async def resolve(self, *args, **kwargs):
            raise OSError(None, "Domain name not found")

    assert post("https://shop.example.com/", resolver=Unknown("1.1.1.1")).error == "dns"
