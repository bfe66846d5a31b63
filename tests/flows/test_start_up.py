"""Which libraries a command loads: the slow ones only once nothing else is left to look at."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from small_project import write_found, write_labelled_set, write_project

MODELS = {"torch", "torchvision", "timm", "lightning", "sklearn", "scipy", "matplotlib", "prefect"}
TABLES = {"pandas", "sqlalchemy", "pyarrow"}
# Runs commands in one process, and writes what of some modules each has loaded so far.
_RUNNER = """
import json, sys
from pathlib import Path
from typer.testing import CliRunner
from flows.cli import app
commands, watched = json.loads(sys.argv[1]), set(json.loads(sys.argv[2]))
for command in commands:
    result = CliRunner().invoke(app, command)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    loaded = sorted(watched & set(sys.modules))
    print(json.dumps([command, result.exit_code, loaded, result.stderr]))
"""


def loaded_by(
    folder: Path, commands: Sequence[Sequence[str]], watched: set[str]
) -> list[tuple[list[str], int, list[str], str]]:
    """Run commands one after the other: each with its exit code, modules and errors."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _RUNNER, json.dumps(commands), json.dumps(sorted(watched))],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


OUTSIDE_A_PROJECT = [
    ["audit", "nowhere"],
    ["audit", "nowhere", "--weights", "x.pth"],
    ["audit"],
    ["label", "--threshold", "95"],
    *([name] for name in ("status", "collect", "label", "review", "merge", "train", "sweep")),
    *([name] for name in ("run", "retrain", "verify", "forecast", "serve", "deploy", "up")),
    ["predict", "photo.jpg"],
    ["distil", "cnn"],
    ["export-model", "champion", "out"],
    ["report", "--compare", "a", "b"],
    ["import", "nowhere"],
    ["demo", "--keep", str(Path(__file__).parent)],
]


def test_what_is_wrong_outside_a_project_loads_neither_models_nor_tables(tmp_path: Path) -> None:
    for command, code, loaded, said in loaded_by(tmp_path, OUTSIDE_A_PROJECT, MODELS | TABLES):
        assert (code, loaded) == (2, []), (command, said)


REFUSED_AUDITS = [
    ["own.html"],
    ["empty"],
    ["set", "--page", "own.html"],
    ["set", "--page", "own.csv"],
    ["set", "--pattern", "no-source"],
    ["set", "--model-arg", "bad"],
    ["set", "--page", "own.html", "--weights", "own.html"],
]


def test_a_refused_audit_loads_neither_models_nor_tables(tmp_path: Path) -> None:
    write_labelled_set(tmp_path / "set")
    (tmp_path / "empty").mkdir()
    for name in ("own.html", "own.csv"):
        (tmp_path / name).write_text("the user's own")
    commands = [["audit", *options] for options in REFUSED_AUDITS]
    for command, code, loaded, said in loaded_by(tmp_path, commands, MODELS | TABLES):
        assert (code, loaded) == (2, []), (command, said)


def test_an_audit_in_a_notebook_looks_at_the_folder_first(tmp_path: Path) -> None:
    script = """
import sys
import flows
from data_registry.errors import LabelledSetError
try:
    flows.audit("nowhere")
except LabelledSetError:
    print(sorted(set(sys.argv[1:]) & set(sys.modules)))
"""
    command = [sys.executable, "-P", "-c", script, *MODELS, *TABLES]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stdout + done.stderr


WRONG_IN_A_PROJECT = [
    (["train", "v9"], "there is no version v9"),
    (["train"], "there is no weights file"),
    (["label"], "there is no weights file"),
    (["forecast"], "there is no weights file"),
    (["predict", "labelled"], "no champion yet"),
    (["serve"], "no champion yet"),
    (["sweep"], "the project has no sweep"),
    (["distil", "nothing"], "no [[train.models]] table"),
    (["export-model", "champion", "out"], "no champion yet"),
    (["export-model", "champion", "labelled"], "is not empty"),
    (["report", "--compare", "a", "b"], "0 runs begin"),
    (["run", "--import", "nowhere"], "nowhere is not a folder"),
    (["audit", "labelled", "--weights", "missing.pth"], "there is no weights file"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Build an imported project whose weights files are missing."""
    folder = write_project(tmp_path / "bay")
    text = (folder / "ephyra.toml").read_text()
    text = text.replace('weights = "random"', 'weights = "missing.pth"')
    text = text.replace('name = "cnn"\n', 'name = "cnn"\nweights = "missing.pth"\n')
    (folder / "ephyra.toml").write_text(text)
    write_labelled_set(folder / "labelled")
    write_found(folder / "found")
    return folder


def test_what_is_wrong_in_a_project_is_told_before_models_load(project: Path) -> None:
    commands = [["import", "labelled"], *(command for command, _ in WRONG_IN_A_PROJECT)]
    _, *refused = loaded_by(project, commands, MODELS - {"scipy"})
    for (command, code, loaded, said), (_, words) in zip(refused, WRONG_IN_A_PROJECT, strict=True):
        assert (code, loaded) == (2, []), (command, said)
        assert words in said, command


WITHOUT_A_MODEL = [
    ["init", "other"],
    ["status"],
    ["import", "labelled"],
    ["collect"],
    ["collect", "--yield"],
    ["collect", "--retry"],
    ["merge"],
    ["versions"],
    ["decisions"],
    ["verify", "--blobs"],
    ["review"],
    ["diff", "v1", "v1"],
    ["describe"],
    ["export", "v1", "out"],
    ["groups"],
    ["gc"],
    ["status"],
    ["audit", "labelled"],
]


def test_commands_that_need_no_model_load_none(project: Path) -> None:
    watched = MODELS - {"scipy"}  # images are hashed and grouped by it
    for command, code, loaded, said in loaded_by(project, WITHOUT_A_MODEL, watched):
        assert code in {0, 1}, (command, said)
        assert loaded == [], command


def test_status_loads_no_more_than_its_tables(project: Path) -> None:
    ((_, code, loaded, said),) = loaded_by(project, [["status"]], MODELS | {"cv2", "duckdb"})
    assert (code, loaded) == (0, []), said


def test_an_audit_names_a_wrong_weights_file_first(tmp_path: Path) -> None:
    write_labelled_set(tmp_path / "set", per_class=2)
    (tmp_path / "weights.txt").touch()
    commands = [["audit", "set", "--weights", "weights.txt"]]
    ((_, code, loaded, said),) = loaded_by(tmp_path, commands, MODELS)
    assert (code, loaded) == (2, [])
    assert "weights.txt is not a weights file" in said
