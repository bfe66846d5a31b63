"""Ensembles and students of the project file, beside the runs they are made of."""

from pathlib import Path

import pytest
from small_project import LABEL, ephyra, told, write_labelled_set, write_project

from data_registry.errors import ProjectFileError
from data_registry.runs.run_records import count_test_readings as readings_of_test
from data_registry.runs.run_records import load_runs
from flows.config.loader import load_project
from flows.config.workspace import open_workspace

MODEL = """
[[train.models]]
name = "cnn"
input_size = 32
model_args = { widths = [WIDTH] }
steps = 4
batch_size = 8
"""
PROJECT = f"""\
[project]
name = "bay"

[label]
{LABEL}{MODEL.replace("WIDTH", "4")}{MODEL.replace("WIDTH", "8")}
[[train.ensembles]]
kind = "vote"
models = ["cnn", "cnn 2"]

[[train.ensembles]]
kind = "bagging"
models = ["cnn"]
members = 2
"""
HEAD = '[project]\nname = "x"\n[[train.models]]\nname = "cnn"\n[[train.ensembles]]\n'


def test_members_are_runs_and_no_candidates(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "bay", PROJECT)
    told(folder, "import", write_labelled_set(folder / "labelled"))
    trained = told(folder, "train")
    vote, bagging = trained["ensembles"]
    assert [vote["found"]["kind"], bagging["found"]["kind"]] == ["vote", "bagging"]
    assert vote["models"] == ["cnn", "cnn 2"]
    plain = [name for item in trained["comparisons"] for name in item["runs"]]
    assert [one["name"] for one in vote["found"]["members"]] == plain
    assert vote["found"]["out_of_bag"] is None
    assert bagging["found"]["out_of_bag"][1] <= 16
    assert "the lowest log-loss of 2" in trained["decide"]["reason"]
    with open_workspace(folder) as workspace:
        table = load_runs(workspace.registry)
        assert sorted(table["arm"]) == ["all", "all", "bag 1", "bag 2"]
        assert readings_of_test(workspace.registry) == 6
    two = told(folder, "distil", "cnn", "--teacher", plain[0][:10], "--teacher", plain[1][:10])
    assert two["made"]["teachers"] == plain
    said = ephyra("train", "--project", folder)
    assert "against the best member by validation" in said.out
    assert trained["decide"]["champion"] in said.out
    with open_workspace(folder) as workspace:
        assert readings_of_test(workspace.registry) == 7
    student = told(folder, "distil", "cnn", "--temperature", "2")
    assert student["made"]["teachers"] == [trained["decide"]["champion"]]
    assert told(folder, "promote", student["run"])["run_id"] == student["run"]
    assert told(folder, "predict", folder / "labelled" / "moon" / "0.jpg")["predictions"]
    refused = ephyra("distil", "resnet", "--project", folder)
    assert (refused.code, "there are cnn, cnn 2" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "vote"\nmodels = ["cnn"]', "at least two different models"),
        ('kind = "bagging"\nmodels = ["cnn", "cnn 2"]', "bagging takes one model"),
        ('kind = "bagging"\nmodels = ["resnet"]', "line 7: .*expected cnn"),
        ('kind = "stacking"\nmodels = ["cnn"]', "'vote', 'bagging', 'folds' or 'snapshots'"),
    ],
)
def test_what_is_no_ensemble_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ProjectFileError, match=message):
        load_project(write_project(tmp_path, HEAD + text))
