"""What protects every site on this machine: token, headers, plain errors, limits on requests."""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated
from urllib.parse import urlsplit

import pytest
import requests
from fastapi import FastAPI, File, Form, UploadFile
from fastapi.responses import HTMLResponse
from local_servers import served

from data_registry.errors import InputError
from labeling.review.local_site import create_local_app
from labeling.review.site_security.headers import build_document_policy
from labeling.review.site_security.owner_token import (
    TOKEN_VARIABLE,
    build_start_address,
    create_token,
)
from labeling.review.site_security.request_bodies import BodyLimits

TOKEN = "only-the-owner-knows-this"
SCRIPT = "<script>alert(1)</script>"
OWNER = {"Authorization": f"Bearer {TOKEN}"}


def small_app(limits: BodyLimits) -> FastAPI:
    app = create_local_app("a site", TOKEN, limits, {"/pages/": build_document_policy(["good()"])})

    @app.get("/", response_class=HTMLResponse)
    def show() -> str:
        return "<p>the site</p>"

    @app.get("/pages/{name}", response_class=HTMLResponse)
    def show_page(name: str) -> str:
        return "<p>a page</p>"

    @app.get("/fail/{words}")
    def fail(words: str) -> None:
        raise RuntimeError(words)

    @app.post("/form")
    def take(number: Annotated[int, Form()]) -> int:
        return number

    @app.post("/upload")
    def read(images: Annotated[list[UploadFile], File()]) -> int:
        return len(images)

    return app


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with served(small_app(BodyLimits(max_bytes=10_000))) as address:
        yield address


def test_every_response_brings_the_headers(site: str) -> None:
    for path, status in (("/", 200), ("/pages/a", 200), ("/nothing", 404), ("/favicon.ico", 200)):
        got = requests.get(f"{site}{path}", headers=OWNER, timeout=60)
        assert got.status_code == status
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in got.headers
    policy = requests.get(f"{site}/pages/a", headers=OWNER, timeout=60).headers[
        "content-security-policy"
    ]
    assert "script-src 'sha256-" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


@pytest.mark.parametrize(
    ("method", "path", "asked", "status"),
    [
        ("GET", f"/{SCRIPT}", {}, 404),
        ("GET", f"/fail/{SCRIPT.replace('/', '')}", {}, 500),
        ("DELETE", "/", {}, 405),
        ("POST", "/form", {"data": {"number": SCRIPT}}, 422),
        ("POST", "/form", {"data": {}}, 422),
        ("POST", "/upload", {"data": {"images": SCRIPT}}, 422),
        ("POST", "/form", {"data": {"number": "1" * 20_000}}, 413),
        ("POST", "/form", {"data": {"number": 1}, "headers": {"Origin": f"http://{SCRIPT}"}}, 403),
        ("GET", "/", {"headers": {"Host": SCRIPT}}, 400),
        ("GET", f"/?token={SCRIPT}", {"headers": {"Authorization": SCRIPT}}, 403),
        (
            "POST",
            "/upload",
            {"data": SCRIPT, "headers": {"Content-Type": "multipart/form-data; boundary=<b"}},
            400,
        ),
    ],
)
def test_every_error_is_plain_text_without_the_request(
    site: str, method: str, path: str, asked: dict[str, object], status: int
) -> None:
    given = asked.pop("headers", {})
    assert isinstance(given, dict)
    got = requests.request(method, f"{site}{path}", headers=OWNER | given, timeout=60, **asked)  # type: ignore[arg-type]
    assert got.status_code == status
    assert got.headers["content-type"] == "text/plain; charset=utf-8"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("default-src 'none'")
    assert "alert" not in got.text


def test_only_who_has_the_token_is_answered(site: str) -> None:
    for path in ("/", "/nothing", "/favicon.ico", "/?token=wrong", "/?token="):
        refused = requests.get(f"{site}{path}", timeout=60)
        assert (refused.status_code, "the site" in refused.text) == (403, False)
        assert "set-cookie" not in refused.headers
    assert requests.post(f"{site}/form", data={"number": 1}, timeout=60).status_code == 403
    stale = {f"ephyra-{'0' * 12}": TOKEN, "session": TOKEN}
    assert requests.get(site, cookies=stale, timeout=60).status_code == 403


def test_the_start_address_leaves_a_cookie_for_browsers(site: str) -> None:
    with requests.Session() as browser:
        first = browser.get(build_start_address(site, TOKEN), timeout=60, allow_redirects=False)
        assert (first.status_code, first.headers["location"]) == (303, f"{site}/")
        cookie = first.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.get(site, timeout=60).text == "<p>the site</p>"
        assert browser.post(f"{site}/form", data={"number": 7}, timeout=60).text == "7"
    # The token works in front of every page, and leaves the address.
    deep = requests.get(f"{site}/pages/a?x=1&token={TOKEN}", timeout=60, allow_redirects=False)
    assert deep.headers["location"] == f"{site}/pages/a?x=1"


def test_programs_send_the_token_themselves(site: str) -> None:
    assert requests.post(f"{site}/form", data={"number": 1}, headers=OWNER, timeout=60).ok
    assert requests.post(f"{site}/form?token={TOKEN}", data={"number": 1}, timeout=60).ok


def test_a_token_is_stated_or_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert len(create_token()) > 40
    assert create_token() != create_token()
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    assert create_token() == TOKEN
    monkeypatch.setenv(TOKEN_VARIABLE, "short")
    with pytest.raises(InputError, match="5 characters; expected at least 16"):
        create_token()


def ask_slowly(site: str, *pieces: bytes) -> bytes:
    """Everything that is answered to a request that never ends, until the site hangs up."""
    parts = urlsplit(site)
    with closing(socket.create_connection((parts.hostname, parts.port or 80), 60)) as connection:
        connection.settimeout(120)
        for piece in pieces:
            connection.sendall(piece)
        answered = b""
        while received := connection.recv(65536):
            answered += received
        return answered


HEADERS = (
    b"POST /form HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 100\r\n\r\nnumber=",
        b"Content-Length: 100\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n7\r\nnumber=\r\n",
    ],
)
@pytest.mark.parametrize("limits", [BodyLimits(10_000, 0.2), BodyLimits(10_000, 60.0, 0.2)])
def test_an_idle_body_is_given_up(rest: bytes, limits: BodyLimits) -> None:
    with served(small_app(limits)) as site:
        answered = ask_slowly(site, HEADERS, rest)
    assert answered.startswith(b"HTTP/1.1 408")
    assert b"did not arrive in time" in answered


@pytest.mark.parametrize("sent", [b"<script>\r\n\r\n", b"GET /" + b"x" * 100_000])
def test_what_is_no_http_is_refused_with_the_headers_too(site: str, sent: bytes) -> None:
    answered = ask_slowly(site, sent).lower()
    assert answered.startswith(b"http/1.1 400")
    assert b"x-content-type-options: nosniff" in answered
    assert b"content-security-policy: default-src 'none'" in answered
    assert b"<script>" not in answered


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEADERS])
def test_idle_headers_are_given_up(sent: bytes) -> None:
    with served(small_app(BodyLimits(10_000)), header_seconds=0.2) as site:
        assert ask_slowly(site, sent) == b""
        assert requests.get(site, headers=OWNER, timeout=60).ok


@pytest.mark.slow
def test_headers_after_a_first_request_are_given_up_too() -> None:
    whole = HEADERS + b"Content-Length: 8\r\n\r\nnumber=1"
    with served(small_app(BodyLimits(10_000)), header_seconds=0.2) as site:
        answered = ask_slowly(site, whole, b"POST /form HT")
    assert answered.startswith(b"HTTP/1.1 200")
    assert answered.endswith(b"1")
