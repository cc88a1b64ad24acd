"""The floor of the database: the very statements of one call, taken down as they are sent, and run by pgbench.

What varies from call to call becomes a variable, what the first statements read is handed to the later ones (``\\gset``), and
all of it travels as parameters of prepared statements, as in the product. So the database does what a call makes it do, and
nothing else: no HTTP, no Python.
"""

import json
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.calls import Call, codes_of, filled
from bench.load import CONNECTIONS
from bench.million import Million


@dataclass
class Script:
    """A pgbench script and the text variables that it is started with."""

    text: str
    variables: dict[str, str] = field(default_factory=dict)
    statements: int = 0


def take_down(call: Call, million: Million) -> tuple[list[tuple[str, dict]], str, str]:
    """The statements of one warm call with their parameters, transaction control included; and its path and body."""
    from django.db import connection
    from django.test import Client

    client = Client()
    for place in range(20 * len(million.campaigns)):  # the first ones fill caches
        path, body = filled(call, million, time.time_ns())
        sent: list[tuple[str, dict]] = []

        def note(execute, statement, params, many, context, sent=sent):
            sent.append((statement, params or {}))
            return execute(statement, params, many, context)

        with connection.execute_wrapper(note):
            answer = client.generic(
                call.method, path, body, content_type="application/json", headers={"x-api-key": million.secret}
            )
        assert answer.status_code < 300, answer.content
        # statements of Django's own are those that fill a cache: the hot ones name their parameters
        if place > 5 and all(isinstance(params, dict) for _, params in sent):
            return sent, path, body
    raise SystemExit(f"{call.name} does not become warm: {[statement[:80] for statement, _ in sent]}")


def script_of(call: Call, million: Million) -> Script:
    """The call as a pgbench script."""
    sent, path, body = take_down(call, million)
    in_transaction = call.method != "GET"
    varying = _varying(call, million, sent, path + body)
    script = Script("")
    lines = ["\\set k :k + 1", f"\\set n :base + {CONNECTIONS} * :k + :client_id"]
    lines.append(f"\\set i random(1, {codes_of(call, million)})")
    lines += ["\\set r random(0, 4000000000)", "BEGIN;" if in_transaction else ""]
    for place, (statement, params) in enumerate(sent):
        text = statement.strip().rstrip(";")
        for name in sorted(set(re.findall(r"%\((\w+)\)s", text)), key=len, reverse=True):
            text = text.replace(f"%({name})s", _expression(params[name], f"p{place}_{name}", varying, script))
        reads = place + 1 < len(sent) and not re.match(r"\s*(WITH|INSERT)\b", text)
        lines.append(_one_line(text) + (f" \\gset s{place}_" if reads else ";"))
    lines.append("COMMIT;" if in_transaction else "")
    script.text = "\n".join(filter(None, lines)) + "\n"
    script.statements = len(sent) + 2 * in_transaction
    return script


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", text)).replace("%%", "%").strip()


def _varying(call: Call, million: Million, sent: list[tuple[str, dict]], asked: str) -> dict[str, str]:
    """What of the sample is another value in each call -> the SQL that says which."""
    found: dict[str, str] = {}
    everything = asked + json.dumps([params for _, params in sent], default=str)
    if code := re.search(r'"(B\d{7})"', asked):
        found[code[1]] = "'B' || lpad(:i::text, 7, '0')"
        found[code[1].lower()] = "'b' || lpad(:i::text, 7, '0')"
        place = int(code[1][1:])
        # made of the number by bench.million
        for prefix in ("ref", "wal"):
            found[f"{prefix}_{place:026d}"] = f"'{prefix}_' || lpad(:i::text, 26, '0')"
        found[f"u{place}"] = "'u' || :i::text"
    if number := re.search(r"n(\d{12,})", asked):
        found[f"n{number[1]}"] = "'n' || :n::text"
    if "/referrals" in call.path:
        made = json.loads(sent[-1][1]["referral"])[0]
        found[made["code"]] = "'Z' || :r::text || right(:n::text, 6)"
        found[made["code_key"]] = "'z' || :r::text || right(:n::text, 6)"
    for campaign in million.campaigns:
        if campaign in everything:
            found[campaign] = f"(:'campaigns'::text[])[1 + :i % {len(million.campaigns)}]".replace(
                ":'campaigns'", ":campaigns"
            )
    # new ids: in order of time, as the product's
    for place, new in enumerate(sorted(set(re.findall(r"(?:ref|click|conv|rew|trf|msg)_01\w{24}", everything)))):
        prefix = new.split("_")[0]
        found.setdefault(new, f"'{prefix}_02' || :n::text || '{place:05d}'")
    if call.path == "/v1/conversions":
        wallets = json.loads(sent[-1][1]["ledger_wallets"])
        assert len(wallets) == 1, "the sample's referrer has a wallet, and is the only earner"
        locked = 1  # the second statement
        held = wallets[0]["money"]["USD"]["held"]
        found[f'"seq":{wallets[0]["seq"]}'] = f"'\"seq\":' || (:s{locked}_seq::bigint + 1)::text"
        held_now = f"((:s{locked}_money::jsonb -> 'USD' ->> 'held')::bigint + 500)::text"
        found[f'"held_after":{held}'] = f"'\"held_after\":' || {held_now}"
        found[f'"held":{held}'] = f"'\"held\":' || {held_now}"
    return found


def _expression(value: object, name: str, varying: dict[str, str], script: Script) -> str:
    """The parameter as SQL: one variable where it is the same in every call, else put together."""
    if isinstance(value, bool):
        script.variables[name] = str(value).lower()
        return f"(:{name}::bool)"
    if isinstance(value, int):
        script.variables[name] = str(value)
        return f":{name}::bigint"
    if value is None:
        return "NULL"
    if isinstance(value, list):
        inner = ", ".join(_expression(each, f"{name}_{place}", varying, script) for place, each in enumerate(value))
        return f"(ARRAY[{inner}]::text[])"
    text = value if isinstance(value, str) else value.isoformat()
    if not (tokens := [token for token in varying if token in text]):
        script.variables[name] = text
        return f":{name}"
    parts = re.split("(" + "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True)) + ")", text)
    pieces = []
    for place, part in enumerate(parts):
        if part in varying:
            pieces.append(varying[part])
        elif part:
            script.variables[f"{name}_{place}"] = part
            pieces.append(f":{name}_{place}::text")
    return "(" + " || ".join(pieces) + ")"


def pgbench() -> str | None:
    """The embedded server's own, or one on the path."""
    from incenta.database.embedded import programs

    own = programs() / "pgbench"
    return str(own) if own.exists() else shutil.which("pgbench")


def drive(script: Script, million: Million, seconds: float) -> float:
    """Transactions a second with as many clients as connections."""
    from django.db import connection

    settings = connection.settings_dict
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "call.sql"
        file.write_text(script.text)
        # 18 digits that grow: ids made of them are in order, and none comes again
        variables = script.variables | {
            "base": str(time.time_ns() // 10),
            "k": "0",
            "campaigns": "{" + ",".join(million.campaigns) + "}",
        }
        command = [
            pgbench(),
            "-n",
            "-M",
            "prepared",
            "-c",
            str(CONNECTIONS),
            "-j",
            "2",
            "-T",
            f"{max(1, round(seconds))}",
        ]
        command += [part for name, value in variables.items() for part in ("-D", f"{name}={value}")]
        command += ["-f", str(file), "-h", settings["HOST"], "-p", str(settings["PORT"]), "-U", settings["USER"]]
        done = subprocess.run([*command, settings["NAME"]], capture_output=True, text=True, check=False)
    told = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or told is None:
        raise SystemExit(f"pgbench failed:\n{done.stdout}{done.stderr}\n{script.text}")
    if failed := re.search(r"number of failed transactions: ([1-9]\d*)", done.stdout):
        raise SystemExit(f"pgbench: {failed[1]} transactions failed.")
    return float(told[1])
