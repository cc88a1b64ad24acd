"""``/widgets.js``: for any origin, cached, compressed, small."""

import gzip
from pathlib import Path

import brotli
import pytest
from django.conf import settings
from django.test import Client

SOURCE = (Path(settings.BASE_DIR) / "static" / "widgets.js").read_bytes()
LARGEST = 15 * 1024


def get(**headers):
    return Client().get("/widgets.js", headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_it_is_small():
    assert len(brotli.compress(SOURCE)) <= LARGEST


@pytest.mark.parametrize(
    ("accepted", "encoding", "unpack"),
    [("gzip, deflate, br", "br", brotli.decompress), ("gzip;q=1.0", "gzip", gzip.decompress), ("", None, bytes)],
)
def test_it_travels_packed(accepted, encoding, unpack):
    answer = get(accept_encoding=accepted)
    assert answer.status_code == 200
    assert answer.headers.get("Content-Encoding") == encoding
    assert unpack(answer.content) == SOURCE
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert "Accept-Encoding" in answer.headers["Vary"] and "Cookie" not in answer.headers["Vary"]


def test_any_page_may_load_it():
    answer = get(origin="https://shop.example.com")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies


def test_who_has_it_is_told_so():
    first = get(accept_encoding="br")
    again = get(accept_encoding="br", if_none_match=f"W/{first.headers['ETag']}")
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"] and again.headers["Cache-Control"].startswith("public")
    assert again.headers["Access-Control-Allow-Origin"] == "*" and "Accept-Encoding" in again.headers["Vary"]
    assert again.headers["Cross-Origin-Resource-Policy"] == "cross-origin" and "Content-Type" not in again.headers
    assert get(if_none_match="*").status_code == get(if_none_match=f'"x", {get().headers["ETag"]}').status_code == 304
    assert get(if_none_match=first.headers["ETag"]).status_code == 200, "another encoding is another file"
    assert Client().post("/widgets.js").status_code == 405


def test_it_writes_no_markup_and_keeps_nothing():
    markup = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", '"style"')
    for never in (*markup, "localStorage", "sessionStorage", "document.cookie"):
        assert never not in SOURCE.decode()
