"""A project that one may read but not write: what only looks works, what changes is refused."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from small_project import photo, told

from data_registry.images.hashing import compute_sha256
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.storage.schema import annotation
from flows.config.workspace import open_workspace

HELPERS = Path(__file__).resolve().parents[2] / "helpers"
# Runs commands in one process, which a Python process of its own for each would take minutes for.
RUN = """
import json, sys
from small_project import ephyra
answers = [ephyra(*command) for command in json.loads(sys.argv[1])]
print(json.dumps([(answer.code, answer.out, answer.err) for answer in answers]))
"""


@pytest.fixture
def closed(imported: Path) -> Iterator[Path]:
    """Build a project with two versions, whose files and folders cannot be written."""
    (imported / "labelled" / "rose" / "same.jpg").write_bytes(photo("moon", 3))
    told(imported, "import", imported / "labelled")
    shutil.move(imported / "labelled", imported.parent / "labelled")
    forbid_writing(imported)
    yield imported
    forbid_writing(imported, is_forbidden=False)


def forbid_writing(folder: Path, is_forbidden: bool = True) -> None:
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode & ~0o222 if is_forbidden else mode | stat.S_IWUSR)


def run(unprivileged: list[str], *commands: list[str]) -> list[tuple[int, str, str]]:
    """Run commands without the right to pass over permissions: exit code, output, errors."""
    environment = {**os.environ, "PYTHONPATH": str(HELPERS), "COLUMNS": "200"}
    begin = [*unprivileged, sys.executable, "-c", RUN, json.dumps(commands)]
    done = subprocess.run(begin, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [(code, out, err) for code, out, err in json.loads(done.stdout.splitlines()[-1])]


def test_what_only_looks_works(closed: Path, unprivileged: list[str], tmp_path: Path) -> None:
    same = compute_sha256(photo("moon", 3))
    out = tmp_path / "out"
    out.mkdir()
    commands = (
        ["status"], ["versions"], ["why", same[:8]], ["review"], ["decisions"],
        ["diff", "v1", "v2"], ["verify", "--blobs"], ["groups"], ["gc", "--dry-run"], ["check"],
        ["review", "--sheet", str(out / "answers.csv")],
        ["export", "v2", "--to", "parquet", str(out / "set")],
    )  # fmt: skip
    before = sorted(closed.rglob("*"))
    answers = run(unprivileged, *([*command, "--project", str(closed)] for command in commands))
    for command, (code, _, err) in zip(commands, answers, strict=True):
        assert code == 0, (command, err)
    assert same[:12] in answers[3][1]
    assert "every rule holds" in answers[6][1]
    assert same in (out / "answers.csv").read_text()
    assert (out / "set").is_dir()
    assert sorted(closed.rglob("*")) == before


def test_what_changes_says_where_one_may_not_write(
    closed: Path, unprivileged: list[str], tmp_path: Path
) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text(f"sha256,answer\n{compute_sha256(photo('moon', 3))},moon\n")
    commands = (["review", "--answer", str(answers)], ["gc"], ["describe"])
    found = run(unprivileged, *([*command, "--project", str(closed)] for command in commands))
    for command, (code, _, err) in zip(commands, found, strict=True):
        words = " ".join(err.split())
        assert code == 2, command
        assert "you may not write" in words, command
        assert str(closed) in words, command
        assert "ask its owner, or work on a copy of the project" in words, command


def test_a_reader_sees_what_another_process_is_writing(
    closed: Path, unprivileged: list[str]
) -> None:
    """The changes lie in the -wal file, beside which the writer keeps its index."""
    forbid_writing(closed, is_forbidden=False)
    with open_workspace(closed) as workspace:
        name = compute_sha256(photo("moon", 3))
        record_annotations(
            workspace.registry, [Annotation(sha256=name, class_name="moon", person="ann")]
        )
        assert (closed / "registry.db-wal").stat().st_size
        forbid_writing(closed)
        ((code, out, err),) = run(unprivileged, ["status", "--json", "--project", str(closed)])
        forbid_writing(closed, is_forbidden=False)
        assert code == 0, err
        assert json.loads(out)["annotations"] == 1


def test_changes_of_a_killed_process_are_not_passed_over(
    closed: Path, unprivileged: list[str], tmp_path: Path
) -> None:
    forbid_writing(closed, is_forbidden=False)
    killed = tmp_path / "killed"
    with open_workspace(closed) as workspace:
        name = compute_sha256(photo("moon", 3))
        record_annotations(
            workspace.registry, [Annotation(sha256=name, class_name="moon", person="ann")]
        )
        shutil.copytree(closed, killed)
    (killed / "registry.db-shm").unlink()
    forbid_writing(killed)
    ((code, _, err),) = run(unprivileged, ["status", "--project", str(killed)])
    assert code == 2
    assert "registry.db-wal" in err
    assert "whoever may runs `ephyra status` once" in " ".join(err.split())

    forbid_writing(killed, is_forbidden=False)
    with open_workspace(killed) as workspace:
        rows = workspace.registry.database.rows(sa.select(annotation.c.sha256))
    assert [row.sha256 for row in rows] == [name]


def test_a_file_that_may_not_be_read_is_named(closed: Path, unprivileged: list[str]) -> None:
    (closed / "registry.db").chmod(0)
    ((code, _, err),) = run(unprivileged, ["status", "--project", str(closed)])
    assert code == 2
    assert f"you may not read {closed / 'registry.db'}" in " ".join(err.split())
