"""A canary in every place that takes a secret: nothing that is printed, logged or kept sings it."""

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import Handler, LoopbackServer
from small_project import ephyra, write_found, write_labelled_set, write_project
from typer.testing import CliRunner

from data_registry.errors import EphyraError
from flows.cli import app
from flows.config.workspace import open_workspace

CANARY = "c4n4ry-s1ngs"
HEAD = '[project]\nname = "bay"\n'
LOGIN = f"diver:{CANARY}@127.0.0.1"
DATABASES = (
    f"postgresql+psycopg://{LOGIN}:1/bay",
    f"postgresql+psycopg://{LOGIN}:port/bay",
    f"postgresql+psycopg://diver:{CANARY}/with@signs@127.0.0.1:1/bay",
    f"postgresql+psycopg://127.0.0.1:1/bay?user=diver&password={CANARY}",
    f"oracle+what://{LOGIN}/bay",
    f"sqlite:///no/such/folder/{CANARY[:0]}bay.db?password={CANARY}",
    f"host=127.0.0.1 port=1 password={CANARY}",
)
FILES = (
    f"s3://diver:{CANARY}@no-such-bucket/bay",
    f"nothing://{LOGIN}/bay",
    f"ftp://{LOGIN}:1/bay",
    f"memory://{LOGIN}/bay",
)
WRONG_FILES = (
    f'storage = "{DATABASES[0]}"\n' + HEAD,
    HEAD + f'[storage]\ndatabase = ["{DATABASES[0]}"]\n',
    HEAD + f'[storage]\ndatabase = {{ url = "{DATABASES[0]}", password = "{CANARY}" }}\n',
    HEAD + f'[storage]\ndatabse = "{DATABASES[0]}"\n',
    HEAD + f'[storage]\nfiles = ["{FILES[0]}"]\n',
    HEAD + f'[storage]\npassword = "{CANARY}"\n',
    HEAD + f'[collect]\nthreads = "{DATABASES[0]}"\n',
    HEAD + f'[collect]\nproviders = "https://{LOGIN}/x.zip"\n',
    HEAD + f'[collect]\nproviders = [{{ kind = 3, api_key = "{CANARY}" }}]\n',
    HEAD + f'[train]\nmlflow = ["https://{LOGIN}"]\n',
    HEAD + f'[label]\nmode = "https://host/{"x" * 70}?token={CANARY}"\n',
    HEAD + f'[storage]\ndatabase = "{DATABASES[0]}\n',
)
PROVIDERS = (
    f'kind = "archive"\npath = "x.zip"\nurl = "https://{LOGIN}:1/x.zip"\n',
    f'kind = "archive"\npath = "x.zip"\nurl = "http://127.0.0.1:1/x.zip?token={CANARY}"\n',
    f'kind = "archive"\npath = "https://{LOGIN}/x.zip"\n',
    f'kind = "gallery"\nurl = "https://{LOGIN}/search"\n',
    f'kind = "flickr"\napi_key = "{CANARY}"\n',
    f'kind = "flickr"\nlimit = "https://{LOGIN}"\n',
    f'kind = "https://{LOGIN}"\n',
    f'kind = "zenodo"\nrecord = "https://{LOGIN}/records/1"\n',
)


@pytest.fixture(autouse=True)
def every_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def sings(text: str) -> bool:
    return any(note in text for note in (CANARY, CANARY.upper(), CANARY[:8]))


def assert_silent(project: Path, *arguments: str, caplog: pytest.LogCaptureFixture) -> None:
    """Give a command, as text and as JSON; neither answer, error, traceback nor log may sing."""
    for more in ([], ["--json"]):
        result = CliRunner().invoke(app, [*arguments, "--project", str(project), *more])
        told = result.stdout + result.stderr
        if result.exc_info and not isinstance(result.exception, SystemExit):
            told += "".join(traceback.format_exception(*result.exc_info))
        assert not sings(told), (arguments, told)
        assert isinstance(result.exception, SystemExit | None), told
    assert not sings(caplog.text), caplog.text


def assert_unraised(project: Path) -> None:
    """Format what Prefect logs of an error: the whole chain of its causes."""
    try:
        with open_workspace(project):
            pass
    except EphyraError as error:
        assert not sings("".join(traceback.format_exception(error)))


def kept(project: Path) -> Iterator[Path]:
    """Every file but those that a person wrote."""
    for path in project.rglob("*"):
        if path.is_file() and path.name not in ("ephyra.toml", "list.txt"):
            yield path


def assert_nothing_kept(project: Path) -> None:
    for path in kept(project):
        assert CANARY.encode() not in path.read_bytes(), path
        assert not sings(path.name)


@pytest.mark.parametrize("text", WRONG_FILES)
def test_a_wrong_project_file(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    project = write_project(tmp_path / "bay", text)
    for command in ("status", "collect", "run"):
        assert_silent(project, command, caplog=caplog)
    assert_unraised(project)


@pytest.mark.parametrize("url", DATABASES)
def test_a_database_s_address(tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture) -> None:
    project = write_project(tmp_path / "bay", HEAD + f'[storage]\ndatabase = "{url}"\n')
    for command in ("status", "verify", "gc"):
        assert_silent(project, command, caplog=caplog)
    assert_unraised(project)
    assert_nothing_kept(project)


@pytest.mark.parametrize("root", FILES)
def test_a_store_s_address(
    tmp_path: Path, root: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    caplog.set_level(logging.INFO)  # fsspec's own debugging shows the paths that it was given
    text = HEAD + f'[storage]\nfiles = "{root}"\n'
    assert_silent(write_project(tmp_path / "without", text), "status", caplog=caplog)
    assert_unraised(tmp_path / "without")
    if root.startswith(("memory", "nothing")):  # the others try for long
        project = write_project(tmp_path / "with", text + 'database = "sqlite:///kept.db"\n')
        for command in ("status", "export"):
            more = ["v1", str(tmp_path / "out")] if command == "export" else []
            assert_silent(project, command, *more, caplog=caplog)
        assert_nothing_kept(project)


@pytest.mark.parametrize("options", PROVIDERS)
def test_a_provider_s_options(
    tmp_path: Path, options: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = (
        HEAD + f'[[classes]]\nname = "moon"\nqueries = ["moon"]\n[[collect.providers]]\n{options}'
    )
    project = write_project(tmp_path / "bay", text)
    for command in ("collect", "status"):
        assert_silent(project, command, caplog=caplog)
    assert_nothing_kept(project)


def test_a_list_of_addresses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = HEAD + '[[collect.providers]]\nkind = "urls"\npath = "list.txt"\n'
    project = write_project(tmp_path / "bay", text)
    lines = (f"https://{LOGIN}/a.jpg", f"http://{LOGIN}:x/b.jpg")
    (project / "list.txt").write_text("\n".join(lines))
    for command in (("collect",), ("status",), ("decisions", "--csv", str(project / "d.csv"))):
        assert_silent(project, *command, caplog=caplog)
    assert_nothing_kept(project)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    import threading

    server = LoopbackServer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.stopping.set()
    thread.join()
    server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "target",
    [
        "/?api_key={}",
        "/{}/",
        "https://{}.example/x",
        "ftp://{}@host/",
        "http://u:{}@127.0.0.1/",
        "/long/" + "x" * 170 + "?api_key={}",
        "/long/" + "x" * 170 + "/{}/more",
    ],
)
def test_flickr_s_key_in_a_redirect(
    tmp_path: Path,
    server: LoopbackServer,
    target: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lead_on(handler: Handler) -> None:
        handler.answer(b"", 302, {"Location": target.format(CANARY)})

    for path in ("/", "/services/", f"/{CANARY}/", "/long/" + "x" * 170):
        server.pages[path] = lead_on
    server.pages["/long/" + "x" * 170 + f"/{CANARY}/more"] = lead_on
    monkeypatch.setenv("FLICKR_API_KEY", CANARY)
    text = (
        HEAD
        + '[[classes]]\nname = "moon"\nqueries = ["moon"]\n'
        + f'[collect]\nallow_loopback = ["127.0.0.1:{server.server_port}"]\n'
        + f'[[collect.providers]]\nkind = "flickr"\nbase = "{server.url("/services")}"\n'
    )
    project = write_project(tmp_path / "bay", text)
    said = ephyra("collect", "--project", project)
    assert said.code == 2, said
    assert "lickr" in said.err
    assert_silent(project, "collect", caplog=caplog)
    assert_nothing_kept(project)


@pytest.mark.slow
@pytest.mark.servers
def test_a_whole_way_on_a_database_with_a_password(
    tmp_path: Path, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Reports, cards, pages and exports of a project whose addresses hold secrets."""
    import sqlalchemy as sa

    url = sa.make_url(postgres_url).set(password=CANARY).render_as_string(hide_password=False)
    base = write_project(tmp_path / "base")
    text = (base / "ephyra.toml").read_text() + f'\n[storage]\ndatabase = "{url}"\n'
    project = write_project(tmp_path / "bay", text)
    write_found(project / "found")
    folder = write_labelled_set(tmp_path / "set")
    assert_silent(project, "import", str(folder), caplog=caplog)
    for command in ("collect", "label", "merge", "train", "report", "status", "describe", "verify"):
        assert_silent(project, command, caplog=caplog)
    assert_silent(project, "export", "v1", str(project / "out"), caplog=caplog)
    assert_nothing_kept(project)
