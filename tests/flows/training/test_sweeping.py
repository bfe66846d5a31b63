"""`ephyra sweep`: from the project file to trials, and to the best one trained."""

from pathlib import Path

import pytest
from small_project import ephyra, told, write_labelled_set, write_project
from tensorboard_files import scalars

from data_registry.errors import ProjectFileError
from data_registry.runs.run_records import count_test_readings as readings_of_test
from data_registry.runs.run_records import load_runs
from flows.config.loader import load_project
from flows.config.workspace import open_workspace
from train.experiments.runs import read_run

PROJECT = """\
[project]
name = "bay"

[label]
backbone = "cnn"
weights = "random"
input_size = 32

[[train.models]]
name = "cnn"
input_size = 32
model_args = { widths = [4] }
steps = 3
batch_size = 8
schedule = "constant"
warmup_share = 0.0

[[train.sweeps]]
model = "cnn"
trials = 3
SEARCH
[train.sweeps.space]
learning_rate = { low = 1e-4, high = 1e-1, log = true }
optimiser = ["sgd", "adamw"]
"""
HEAD = '[project]\nname = "x"\n[[train.models]]\nname = "cnn"\n[[train.sweeps]]\n'


def test_values_reach_the_trials_and_the_best_is_trained(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "bay", PROJECT.replace("SEARCH", 'sampler = "random"'))
    told(folder, "import", write_labelled_set(folder / "labelled"))
    (found,) = told(folder, "sweep")["sweeps"]
    trials = found["sweep"]["trials"]
    assert [trial["number"] for trial in trials] == [0, 1, 2]
    for trial in trials:
        name = f"sweep-{found['sweep']['name']}-{trial['number']}"
        curve = scalars(folder / "curves" / name, "learning_rate")
        assert [v for _, v in curve] == pytest.approx([trial["values"]["learning_rate"]] * 3)
    best = min(trials, key=lambda trial: trial["loss"])
    assert found["best"] == best["values"]
    with open_workspace(folder) as workspace:
        (run_id,) = load_runs(workspace.registry)["run_id"]
        config = read_run(workspace.registry.files, run_id).card.config
        assert readings_of_test(workspace.registry) == 1
    assert config.learning_rate == best["values"]["learning_rate"]
    assert config.optimiser == best["values"]["optimiser"]
    assert found["trained"]["runs"] == [run_id]

    (again,) = told(folder, "sweep")["sweeps"]
    assert again["sweep"] == found["sweep"]
    shown = ephyra("sweep", "--project", folder)
    assert "trained with it" in shown.out
    assert "learning_rate" in shown.out


def test_folds_of_train_may_decide(tmp_path: Path) -> None:
    text = PROJECT.replace("SEARCH", 'objective = "folds"\nfolds = 2')
    text = text.replace("trials = 3", "trials = 2")
    folder = write_project(tmp_path / "bay", text)
    told(folder, "import", write_labelled_set(folder / "labelled"))
    (found,) = told(folder, "sweep")["sweeps"]
    assert found["objective"] == "folds"
    assert all(trial["loss"] > 0 for trial in found["sweep"]["trials"])
    assert len(list((folder / "cross_validation").glob("*.parquet"))) == 4


def test_without_a_sweep_there_is_nothing_to_do(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "bay", '[project]\nname = "x"\n')
    said = ephyra("sweep", "--project", folder)
    assert (said.code, "add a [[train.sweeps]] table" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('model = "resnet"\nspace = { dropout = [0.1, 0.2] }', 6, "expected cnn"),
        ('model = "cnn"\nspace = { depth = [1, 2] }', 7, "depth of cnn: there is no such key"),
        ('model = "cnn"\nspace = { dropout = [0.1, 2.0] }', 7, "less than 1"),
        ('model = "cnn"\nspace = { dropout = [0.1] }', 7, "at least two different"),
        ('model = "cnn"\nspace = {}', 7, "name at least one key"),
        ('model = "cnn"\nspace = { dropout = { low = 0.3, high = 0.1 } }', 7, "is not below"),
        ('model = "cnn"\nspace = { dropout = { low = 0, high = 0.1, log = true } }', 7, "above 0"),
    ],
)
def test_what_cannot_be_searched_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    with pytest.raises(ProjectFileError, match=message) as caught:
        load_project(write_project(tmp_path, HEAD + text))
    assert f"line {line}" in str(caught.value)
