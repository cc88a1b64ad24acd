"""What was refused and what failed lately, grouped: one line an error, not one a call."""

import json
from datetime import timedelta

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from incenta.clock import now
from incenta.dashboard.access import may
from incenta.dashboard.exports import csv_response
from incenta.dashboard.lists import said
from incenta.dashboard.pages import AppPage, forbidden
from incenta.database import sql

from .advice import advice
from .calls import first_id

RANGES = {"day": ("24 hours", 1), "week": ("7 days", 7), "month": ("30 days", 30)}
LOOKED_AT = 2_000
"""Failed calls that are grouped at most, the latest first: what fails now is among them."""
SHOWN = 200

# ids in a sentence are replaced, so that the same trouble with a hundred objects is one line
_GROUPED = f"""
WITH failed AS (
  SELECT id, method, status, error_code, created_at,
    regexp_replace(CASE WHEN route <> '' THEN route ELSE split_part(ltrim(path, '/'), '?', 1) END, '^api/', '') AS place,
    regexp_replace(coalesce(substring(response_body from '^\\{{"error":"((?:[^"\\\\]|\\\\.)*)"'), ''),
      '\\m[a-z]{{2,6}}_[0-9a-z]{{26}}\\M', '…', 'g') AS message
  FROM api_requestlog
  WHERE app_id = %(app)s AND status >= 400 AND id >= %(since)s
  ORDER BY id DESC LIMIT {LOOKED_AT}
)
SELECT status, method, place, error_code, message, count(*), max(id COLLATE "C"), max(created_at), min(created_at),
  sum(count(*)) OVER () FROM failed
WHERE (NOT %(only)s OR status / 100 = %(hundreds)s)
GROUP BY status, method, place, error_code, message ORDER BY count(*) DESC, max(created_at) DESC LIMIT {SHOWN}
"""


class Failures(AppPage):
    """``?range=day|week|month&status=4xx|5xx``, ``&export=csv``. One statement over at most ``LOOKED_AT`` lines."""

    permission = "logs.read"
    section = "request_log"
    template_name = "api/failures.html"
    columns = [
        ("status", lambda each: each["status"]),
        ("method", lambda each: each["method"]),
        ("path", lambda each: each["place"]),
        ("code", lambda each: each["code"]),
        ("message", lambda each: each["message"]),
        ("count", lambda each: each["count"]),
        ("lastSeenAtUtc", lambda each: each["last_at"]),
        ("lastRequestId", lambda each: each["last_id"]),
    ]

    def get(self, request: HttpRequest) -> HttpResponseBase:
        request.GET = said(request)
        name = request.GET.get("range", "day")
        kind = request.GET.get("status", "")
        is_understood = name in RANGES and kind in ("", "4xx", "5xx")
        groups = self.grouped(RANGES[name][1], kind) if is_understood else []
        if request.GET.get("export") == "csv":
            if not may(request, "programme.export"):
                return forbidden(request, "programme.export")
            stamp = now(request.app).strftime("%Y%m%dT%H%M%SZ")
            return csv_response(f"api-errors-{stamp}.csv", self.columns, groups)
        looked_at = groups[0]["of"] if groups else 0
        context = {
            "tab": "errors",
            "groups": groups,
            "is_understood": is_understood,
            "is_filtered": bool(kind),
            "range": name,
            "range_told": RANGES.get(name, RANGES["day"])[0],
            "ranges": [(key, label) for key, (label, _) in RANGES.items()],
            "kind": kind,
            "is_cut": looked_at >= LOOKED_AT,
            "looked_at": LOOKED_AT,
            "may_export": may(request, "programme.export"),
        }
        return self.page(context)

    def grouped(self, days: int, kind: str) -> list[dict]:
        since = first_id(timezone.now() - timedelta(days=days))
        rows = sql.rows(
            _GROUPED,
            {"app": self.request.app.pk, "since": since, "only": bool(kind), "hundreds": int(kind[0]) if kind else 0},
        )
        return [
            {
                "status": status,
                "method": method,
                "place": place_told(place),
                "code": code,
                "message": unescaped(message),
                "count": count,
                "last_id": last_id,
                "last_at": last_at,
                "first_at": first_at,
                "of": total,
                "advice": advice(status, code),
                "is_ours": status >= 500,
            }
            for status, method, place, code, message, count, last_id, last_at, first_at, total in rows
        ]


def place_told(route: str) -> str:
    """``v1/campaigns/<str:campaign_id>`` as ``/v1/campaigns/{campaign_id}``"""
    parts = [
        f"{{{part[1:-1].rpartition(':')[2]}}}" if part.startswith("<") and part.endswith(">") else part
        for part in route.strip("/").split("/")
    ]
    return "/" + "/".join(parts)


def unescaped(text: str) -> str:
    """What a JSON string says; as it stands where it was cut."""
    try:
        return json.loads(f'"{text}"')
    except ValueError:
        return text
