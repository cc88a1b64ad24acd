"""``/widgets.js``: the one file that a merchant's page loads, at an address that stays, for any origin."""

import gzip
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import brotli
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.http import require_safe

CACHED = "public, max-age=3600, stale-while-revalidate=86400"
"""An hour: within it every page of a merchant's takes up a new release, and none waits for it."""


@dataclass(frozen=True, slots=True)
class Script:
    """The file as it travels, by the encoding that a browser asks for."""

    tag: str
    plain: bytes
    gzipped: bytes
    brotlied: bytes


@lru_cache(maxsize=1)
def _packed(path: str, changed_at: int) -> Script:
    plain = Path(path).read_bytes()
    return Script(sha256(plain).hexdigest()[:20], plain, gzip.compress(plain, 9, mtime=0), brotli.compress(plain))


def script() -> Script:
    """Packed once a process, and anew when the file has changed."""
    path = finders.find("widgets.js")
    return _packed(path, Path(path).stat().st_mtime_ns)


@require_safe
def widgets_js(request: HttpRequest) -> HttpResponse:
    """Needs no key and no cookie, and says so: any page may load it."""
    found = script()
    accepted = {part.partition(";")[0].strip() for part in request.headers.get("Accept-Encoding", "").split(",")}
    encoding, body = "", found.plain
    if "br" in accepted:
        encoding, body = "br", found.brotlied
    elif "gzip" in accepted:
        encoding, body = "gzip", found.gzipped
    etag = f'"{found.tag}-{encoding}"' if encoding else f'"{found.tag}"'
    response = HttpResponse(body, content_type="text/javascript; charset=utf-8")
    response["Content-Length"] = str(len(body))
    if encoding:
        response["Content-Encoding"] = encoding
    response["ETag"] = etag
    response["Cache-Control"] = CACHED
    patch_vary_headers(response, ["Accept-Encoding"])
    response = get_conditional_response(request, etag=etag, response=response)
    # on a 304 too: by these the browser decides whether the page may use what it has
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
