"""The calls that are measured: what each sends, and how its numbers vary from request to request."""

import json
import random
from dataclasses import dataclass

from bench.million import Million


@dataclass(frozen=True)
class Call:
    """``body`` and ``path`` hold ``{code}``, ``{campaign}`` and ``{n}``: a random known code, a random campaign, a number
    that never comes again."""

    name: str
    method: str
    path: str
    body: dict | None
    codes: str = "all"
    """Of which codes: ``all``, or ``converted`` (whose referrers have a wallet)."""
    target: float | None = None
    """The share of the combined floor that it should reach."""


CALLS = (
    Call(
        "POST /v1/referrals", "POST", "/v1/referrals", {"campaignId": "{campaign}", "referrerId": "n{n}"}, target=0.25
    ),
    Call(
        "POST /v1/conversions",
        "POST",
        "/v1/conversions",
        {"referralCode": "{code}", "refereeId": "n{n}", "amount": 50, "metadata": {"source": "bench"}},
        codes="converted",
        target=0.20,
    ),
    Call("POST /v1/clicks", "POST", "/v1/clicks", {"referralCode": "{code}"}),
    Call("GET /v1/stats", "GET", "/v1/stats?campaignId={campaign}", None),
)


def text_of(call: Call) -> str:
    return "" if call.body is None else json.dumps(call.body, separators=(",", ":"))


def codes_of(call: Call, million: Million) -> int:
    """Codes 1 to this number."""
    return million.converted if call.codes == "converted" else million.referrals


def filled(call: Call, million: Million, number: int) -> tuple[str, str]:
    """One request: path and body."""
    values = {
        "{campaign}": random.choice(million.campaigns),
        "{code}": million.code(random.randint(1, codes_of(call, million))),
        "{n}": str(number),
    }
    path, body = call.path, text_of(call)
    for name, value in values.items():
        path, body = path.replace(name, value), body.replace(name, value)
    return path, body


def lua(call: Call, million: Million, start: int) -> str:
    """The same for wrk: a script that makes such requests, counting from ``start``, and says at the end how it went."""
    campaigns = ", ".join(f'"{campaign}"' for campaign in million.campaigns)
    return f"""
local campaigns = {{{campaigns}}}
local number, random = {start}, math.random
local path, body = [[{call.path}]], {f"[[{text_of(call)}]]" if call.body else "nil"}
local headers = {{["x-api-key"] = "{million.secret}", ["Content-Type"] = "application/json"}}
math.randomseed({start % 2**31})
local function fill(text)
  number = number + 1
  return (text:gsub("{{(%w+)}}", {{
    campaign = campaigns[random(#campaigns)],
    code = string.format("B%07d", random({codes_of(call, million)})),
    n = string.format("%d", number),
  }}))
end
request = function()
  return wrk.format("{call.method}", fill(path), headers, body and fill(body))
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('\\nRESULT {{"requests": %d, "seconds": %f, "refused": %d, "broken": %d, "p50": %f, "p99": %f}}\\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""
