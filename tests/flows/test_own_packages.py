"""A user's own train.py, flows/ or labeling/ in the project's folder breaks nothing of Ephyra's."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from small_project import ephyra, told, write_found, write_labelled_set, write_project

from benchmarks._prefect import Site, find_free_port, wait_until

HIDING = ("train", "flows", "labeling")


def hide_by_files(folder: Path) -> Path:
    """Write a script and two packages of a user's own; running one of them is a failure."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.py").write_text("raise SystemExit('a user-made train.py was run')")
    for name in ("flows", "labeling"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"raise SystemExit('a user-made {name} ran')")
    return folder


def hide_by_folders(folder: Path) -> Path:
    """Make data folders of the same names, as a labelled set has them."""
    for name in HIDING:
        (folder / name / "moon").mkdir(parents=True)
    return folder


HIDDEN = [hide_by_files, hide_by_folders]


def python(folder: Path, code: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **variables},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("package", ["flows.reports.html_pages", "labeling.teacher.calibration"])
def test_a_data_folder_gives_way(tmp_path: Path, package: str) -> None:
    done = python(hide_by_folders(tmp_path), f"import {package}, train; print(train.__file__)")
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()).parts[-2:] == ("train", "__init__.py")


def test_a_data_folder_that_python_has_taken_for_a_package_gives_way(tmp_path: Path) -> None:
    code = "import train, flows.reports.html_pages\nimport train.choices\n"
    code += "print(train.choices.__file__)"
    done = python(hide_by_folders(tmp_path), code)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("hiding", "importing"),
    [
        ("train.py", "flows"),
        ("train.py", "labeling"),
        ("labeling/__init__.py", "flows"),
        ("data_registry.py", "flows"),
        ("data_registry.py", "train"),
        ("data_registry/__init__.py", "collectors"),
    ],
)
def test_a_hidden_package_is_named_and_the_file_is_not_run(
    tmp_path: Path, hiding: str, importing: str
) -> None:
    file = tmp_path / hiding
    file.parent.mkdir(exist_ok=True)
    file.write_text("print('a user-made file was run')")
    done = python(tmp_path, f"import {importing}")
    assert done.returncode == 1
    assert f"ImportError: {file} hides Ephyra's package" in done.stderr
    assert "PYTHONSAFEPATH=1" in done.stderr
    assert done.stdout == ""


def test_what_a_package_does_not_need_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    done = python(tmp_path, "from data_registry import Registry; print(Registry.__name__)")
    assert done.stdout == "Registry\n"
    assert f"RuntimeWarning: {tmp_path / 'train.py'} hides Ephyra's package 'train'" in done.stderr


def test_the_command_names_the_file_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    done = _script("status", "--json", folder=tmp_path, PYTHONPATH=".")
    assert done.returncode == 2
    assert json.loads(done.stdout)["message"].startswith(f"{tmp_path / 'train.py'} hides")
    assert done.stderr == f"error {json.loads(done.stdout)['message']}\n"


def _script(*arguments: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [Path(sys.executable).with_name("ephyra"), *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        check=False,
        capture_output=True,
        text=True,
    )


def test_init_warns_of_files_that_hide(tmp_path: Path) -> None:
    said = ephyra("init", hide_by_files(tmp_path / "bay"))
    assert said.code == 0
    for hiding in ("train.py", "flows/__init__.py", "labeling/__init__.py"):
        assert f"warning: {tmp_path / 'bay' / hiding} hides" in said.out
    said = ephyra("init", hide_by_folders(tmp_path / "data"), "--json")
    assert said.json["warnings"] == []


@pytest.mark.slow
@pytest.mark.parametrize("hide", HIDDEN)
def test_run_beside_a_users_own_files(tmp_path: Path, hide: type[object]) -> None:
    folder = _project(tmp_path / "bay", hide)
    done = _script("run", "--json", folder=folder, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert told(folder, "status")["versions"] == ["v1", "v2"]


def _project(folder: Path, hide: object) -> Path:
    assert callable(hide)
    write_project(hide(folder))
    (folder / "prefect.toml").write_text("")  # Ephyra's plugin is not switched on here
    write_found(folder / "found")
    told(folder, "import", write_labelled_set(folder.parent / f"{folder.name}-labelled"))
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start a server."""
    with Site(tmp_path_factory.mktemp("prefect")) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("hide", HIDDEN)
def test_a_worker_runs_beside_a_users_own_files(
    site: Site, tmp_path: Path, hide: type[object]
) -> None:
    """The worker is started as a user would, who knows nothing of safe paths."""
    folder = _project(tmp_path / "bay", hide)
    suffix = getattr(hide, "__name__", "")
    deployed = site.run_command("ephyra", "deploy", "--suffix", suffix, "--json", folder=folder)
    assert deployed.returncode == 0, deployed.stderr
    told_of = json.loads(deployed.stdout)
    assert len(told_of["warnings"]) == (len(HIDING) if hide is hide_by_files else 0)
    site.start_worker(told_of["pool"])
    try:
        name = f"collect-and-label/collect-and-label-{suffix}"
        asked = site.run_command("prefect", "deployment", "run", name, folder=folder)
        assert asked.returncode == 0, asked.stderr
        run = site.wait_for_end(asked.stdout.split("UUID: ")[1].split()[0], patience=500)
    finally:
        site.kill("worker")
    assert run["state_type"] == "COMPLETED", run["state"]["message"]
    assert told(folder, "status")["versions"] == ["v1", "v2"]


@pytest.mark.slow
def test_up_beside_a_users_own_files(tmp_path: Path) -> None:
    folder = _project(tmp_path / "bay", hide_by_files)
    site, port = Site(tmp_path / "home"), find_free_port()
    command = [Path(sys.executable).with_name("ephyra"), "up", "--site-port", str(port)]
    with (
        (tmp_path / "out").open("wb") as out,
        subprocess.Popen(command, cwd=folder, env=site.environment, stdout=out, stderr=out) as up,
    ):
        try:
            wait_until(lambda: _listens(port) or up.poll() is not None, "the site answers")
            assert up.poll() is None, (tmp_path / "out").read_text()
        finally:
            up.send_signal(signal.SIGTERM)
            assert up.wait(60) == 0, (tmp_path / "out").read_text()


def _listens(port: int) -> bool:
    try:
        requests.get(f"http://127.0.0.1:{port}", timeout=2)
    except requests.RequestException:
        return False
    return True
