"""`ephyra export-model`: the champion in a folder of its own, with a card that explains it."""

import json
from pathlib import Path

import pytest
from small_project import LABEL, ephyra, told, write_labelled_set, write_project

from data_registry.runs.run_records import count_test_readings as readings_of_test
from flows.config.workspace import open_workspace

PROJECT = f"""\
[project]
name = "bay"

[label]
{LABEL}
[[train.models]]
name = "cnn"
input_size = 32
model_args = {{ widths = [4] }}
steps = 4
batch_size = 8
"""


@pytest.mark.slow
def test_the_champion_is_handed_over_in_two_formats(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    folder = write_project(tmp_path / "bay", PROJECT)
    told(folder, "import", write_labelled_set(folder / "labelled"))
    champion = told(folder, "train")["decide"]["champion"]
    found = told(folder, "export-model", "champion", tmp_path / "model", "--int8")
    assert (found["run_id"], found["to"]) == (champion, "onnx")
    names = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert names == ["model.int8.onnx", "model.json", "model.onnx"]
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    assert card["class_names"] == ["moon", "rose"]
    assert card["found"]["parity"] == found["parity"]
    assert found["int8"]["change"]["images"] == found["parity"]["images"] == 4
    with open_workspace(folder) as workspace:
        assert readings_of_test(workspace.registry) == 1
    again = ephyra("export-model", champion[:8], tmp_path / "model", "--project", folder)
    assert (again.code, "is not empty" in again.err) == (2, True)
    shown = ephyra("export-model", champion[:8], tmp_path / "other", "--project", folder)
    assert "answers as the run does" in shown.out


def test_a_run_that_is_not_there_is_told(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "bay", PROJECT)
    said = ephyra("export-model", "3f9c", tmp_path / "model", "--project", folder)
    assert (said.code, "0 runs begin with '3f9c'" in said.err) == (2, True)
    assert not (tmp_path / "model").exists()
