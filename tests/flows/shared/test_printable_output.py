"""Nothing that servers, creators and files call themselves steers a terminal or a page."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from rich.text import Text
from small_project import Said, ephyra, write_project

from flows.reports.html_pages import create_environment
from flows.shared.printable_console import PrintableConsole
from flows.shared.progress_bars import LogLines
from flows.shared.tables import build_notice, build_table

STEERS = set(map(chr, [*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066]))
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\x08\u202egpj.exe\u2066"
PROJECT = """\
[project]
name = "A bay"
[[classes]]
name = "moon"
queries = ["moon", "rose"]
[collect]
allow_loopback = true
[[collect.providers]]
kind = "gallery"
base = "{base}"
"""


class _Hostile(BaseHTTPRequestHandler):
    """One query ends in an error whose reason steers, the other has bad and good results."""

    def do_GET(self) -> None:
        if "rose" in self.path:
            self.wfile.write(f"HTTP/1.1 404 {HOSTILE[:30]}\r\n\r\n".encode("latin-1"))
            return
        results = [{"url": 5, HOSTILE: HOSTILE}, {"url": "/gone.jpg", "creator": HOSTILE}]
        body = json.dumps({"results": results if "search" in self.path else []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output quiet."""


@pytest.fixture
def base() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hostile) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def is_harmless(said: Said) -> bool:
    return not STEERS & set(said.out + said.err)


def test_what_a_server_says_steers_nothing(base: str, tmp_path: Path) -> None:
    project = write_project(tmp_path, PROJECT.format(base=base))
    said = ephyra("collect", "--project", project)
    assert (said.code, is_harmless(said)) == (0, True), said
    assert "1 malformed result left out" in said.out
    assert "'rose' ended early" in said.out
    (summary,) = ephyra("collect", "--project", project, "--json").json["providers"]
    assert summary["bad_records"] == 1
    assert list(summary["failed_queries"]) == ["rose"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", f"/nowhere/{HOSTILE}"],
        ["collect", "--project", f"/nowhere/{HOSTILE}"],
        ["review", "--audit", HOSTILE],
        ["status", HOSTILE],
        ["collect", f"--{HOSTILE}"],
        [HOSTILE],
    ],
)
def test_what_is_typed_or_found_by_a_shell_steers_nothing(arguments: list[str]) -> None:
    said = ephyra(*arguments)
    assert (said.code, is_harmless(said)) == (2, True), said


def test_tables_and_lines() -> None:
    written = io.StringIO()
    console = PrintableConsole(file=written, width=120, markup=False)
    drawn = build_table("name", HOSTILE)
    drawn.add_row(f"a{HOSTILE}z", Text(HOSTILE))
    for item in (drawn, build_notice(HOSTILE), HOSTILE, Text.assemble((HOSTILE, "bold"))):
        console.print(item)
    assert not STEERS & set(written.getvalue())
    assert "gpj.exe\ufffdz" in written.getvalue()  # and no column is cut for it


def test_styles_stay() -> None:
    written = io.StringIO()
    console = PrintableConsole(file=written, force_terminal=True, color_system="standard")
    console.print(build_notice("look"))
    assert written.getvalue() == "\x1b[33mlook\x1b[0m\n"


def test_pages() -> None:
    page = create_environment(Path()).from_string(
        "<p title='{{ text }}'>{{ text }}</p>{{ text|e }}"
    )
    shown = page.render(text=f"<b>{HOSTILE}")
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown.rpartition("</p>")[0])
    assert "&lt;b&gt;\ufffd" in shown


def test_log_lines_of_work(caplog: pytest.LogCaptureFixture) -> None:
    import logging

    caplog.set_level(logging.INFO)
    lines = LogLines(logging.getLogger("flows"))
    lines.start(f"collect from {HOSTILE}\nforged", 10)
    lines.advance(10)
    assert caplog.messages
    assert not (STEERS | {"\n"}) & set("".join(caplog.messages))
