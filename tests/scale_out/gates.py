"""What stands in front: pgbouncer before the database, nginx before the web. Each is its configuration and a program."""

import os
import shutil
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.installation import until
from tests.faults.webhooks.brokers import answers
from tests.faults.webhooks.site import Program
from tests.ports import free_port

from .postgres import NAME, Postgres, Replica, owner

PGBOUNCER = """
[databases]
incenta = host=127.0.0.1 port={primary} dbname=incenta
incenta_replica = host=127.0.0.1 port={replica} dbname=incenta

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
admin_users = incenta
pool_mode = transaction
default_pool_size = {pool}
max_client_conn = 200
# a read whose replica has gone goes to the primary: it must learn of it soon
query_wait_timeout = 5
server_login_retry = 1
"""

NGINX = """
# one process, which ends with whoever started it; in production leave both lines out, and say: worker_processes auto;
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 2m;

    upstream web {{
{servers}
        keepalive 8;
    }}

    # A call that brings no Idempotency-Key is given one. So nginx may send it to the other node when the first one dies
    # over it, and the product sees to it that it is done once.
    map $http_idempotency_key $key {{
        ""      "nginx-$request_id";
        default $http_idempotency_key;
    }}

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_connect_timeout 2s;
    proxy_next_upstream_tries 3;

    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://web;
        }}
        location ~ ^/(api/)?v1/ {{
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Idempotency-Key $key;
            proxy_next_upstream error timeout non_idempotent;
            proxy_pass http://web;
        }}
    }}
}}
"""


class Pgbouncer:
    """In transaction mode, with far fewer connections to the servers than clients have to it."""

    POOL = 8

    def __init__(self, site: Any, primary: Postgres, replica: Replica) -> None:
        self.site, self.primary, self.replica = site, primary, replica
        self.folder, self.port = site.folder / "pgbouncer", free_port()
        self.program: Program | None = None

    def url(self, database: str) -> str:
        return f"postgresql://{NAME}:{self.primary.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        known = {"primary": self.primary.port, "replica": self.replica.port, "port": self.port, "pool": self.POOL}
        (self.folder / "pgbouncer.ini").write_text(PGBOUNCER.format(folder=self.folder, **known))
        (self.folder / "users.txt").write_text(f'"{NAME}" "{self.primary.password}"\n')
        if user := owner():
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, user.pw_uid, user.pw_gid)
        command = [find("pgbouncer"), str(self.folder / "pgbouncer.ini")]
        self.program = Program(self.site, "pgbouncer", command, self.site.environment(), **self.primary.identity())
        until(self._answers, "pgbouncer answers")

    def _answers(self) -> bool:
        assert self.program.is_alive, self.program.words()[-2000:]
        try:
            psycopg.connect(self.url("incenta")).close()
        except psycopg.OperationalError:
            return False
        return True

    def shows(self, what: str) -> list[dict]:
        """``SHOW POOLS`` and the like."""
        with psycopg.connect(self.url("pgbouncer"), autocommit=True) as console:
            told = console.execute(f"SHOW {what}")
            names = [column.name for column in told.description]
            return [dict(zip(names, row, strict=True)) for row in told.fetchall()]

    def transactions(self, database: str) -> int:
        return sum(int(row["total_xact_count"]) for row in self.shows("STATS") if row["database"] == database)


class Nginx:
    def __init__(self, site: Any, port: int, upstreams: list[int]) -> None:
        self.site, self.port, self.upstreams = site, port, upstreams
        self.folder = site.folder / "nginx"
        self.program: Program | None = None

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o755)  # its workers are another user's where we are root
        servers = "\n".join(f"        server 127.0.0.1:{port} max_fails=1 fail_timeout=2s;" for port in self.upstreams)
        (self.folder / "nginx.conf").write_text(NGINX.format(folder=self.folder, port=self.port, servers=servers))
        command = [find("nginx"), "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)]
        self.program = Program(self.site, "nginx", command, self.site.environment())
        until(
            lambda: answers(self.port, b"GET /healthz HTTP/1.0\r\n\r\n", b"HTTP/1.1 ") or not self.program.is_alive,
            "nginx answers",
        )
        assert self.program.is_alive, self.program.words()[-2000:]


def find(program: str) -> str:
    """Its path; Debian's are for root, whose folders need not be on the path. Raises ``FileNotFoundError``."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
    if not found:
        raise FileNotFoundError(program)
    return str(Path(found))
