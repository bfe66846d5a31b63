"""[[train.models]]: what the file says arrives at the model, the optimiser and the loss."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_project import told, write_labelled_set, write_project
from tensorboard_files import scalars

from data_registry.errors import ProjectFileError
from data_registry.progress import SilentProgress
from data_registry.versions.published_versions import Version
from flows.config.loader import load_project
from flows.config.model_settings import build_fit_config, build_model_spec, build_tracking
from flows.config.sections.model_section import TrainModelSection
from flows.config.workspace import open_workspace
from flows.training.training_steps import build_training_context
from train.experiments.runs import read_run
from train.fitting.fit_config import FitConfig
from train.fitting.losses import CrossEntropyLoss
from train.fitting.optimisers import build_optimiser
from train.models.models import build_model
from train.specs import ModelSpec

HEAD = '[project]\nname = "x"\n[[train.models]]\nname = "cnn"\n'
OTHER = {
    "weights": "random",
    "model_args": {"widths": [4]},
    "input_size": 40,
    "mean": (0.1, 0.2, 0.3),
    "std": (0.1, 0.2, 0.3),
    "name": "ResNet18",
    "learns": "groups",
    "attention": "cbam",
    "head": "dense",
    "head_units": (7,),
    "dropout": 0.4,
    "freeze": True,
    "head_steps": 3,
    "head_learning_rate": 0.2,
    "steps": 7,
    "epochs": 3,
    "patience": 9,
    "min_delta": 0.1,
    "batch_size": 3,
    "micro_batch": 2,
    "precision": "bfloat16",
    "optimiser": "sgd",
    "learning_rate": 0.3,
    "layer_decay": 0.5,
    "weight_decay": 0.3,
    "momentum": 0.1,
    "schedule": "step",
    "warmup_share": 0.3,
    "decay_factor": 0.3,
    "decay_checks": 7,
    "ema": 0.9,
    "label_smoothing": 0.3,
    "soft_labels": True,
    "class_weights": True,
    "mixup": 0.3,
    "cutmix": 0.3,
    "augmentation": "geometric",
    "flip": False,
    "rotation": 3.0,
    "shift": 0.3,
    "zoom": 0.3,
    "shear": 0.3,
    "randaugment_operations": 3,
    "randaugment_magnitude": 3,
}


def meant(folder: Path, values: dict[str, object]) -> tuple[ModelSpec, FitConfig]:
    section = TrainModelSection.model_validate({"name": "cnn", **values})
    with open_workspace(write_project(folder)) as workspace:
        return build_model_spec(workspace, section), build_fit_config(section)


def test_devices_reach_the_place_of_training(tmp_path: Path) -> None:
    for said, devices in (("", 0), ("[train]\ndevices = 3\n", 3)):
        with open_workspace(write_project(tmp_path, f'[project]\nname = "x"\n{said}')) as workspace:
            place = build_training_context(workspace, Version("v1", "", "", {}), SilentProgress())
            assert place.devices == devices


def test_no_key_is_forgotten() -> None:
    assert OTHER.keys() == TrainModelSection.model_fields.keys()


def test_every_key_says_something_of_its_own(tmp_path: Path) -> None:
    base: dict[str, object] = {"augmentation": "crop"}
    usual = meant(tmp_path, base)
    found = [meant(tmp_path, {**base, key: value}) for key, value in OTHER.items()]
    assert usual not in found
    assert len({repr(item) for item in found}) == len(OTHER)


@given(
    optimiser=st.sampled_from(["adamw", "sgd", "adam", "nadam", "rmsprop"]),
    rate=st.floats(1e-7, 1),
    decay=st.floats(0, 1),
    smoothing=st.floats(0, 0.9),
)
def test_sampled_values_reach_the_optimiser_and_the_loss(
    optimiser: str, rate: float, decay: float, smoothing: float
) -> None:
    section = TrainModelSection(
        name="cnn",
        optimiser=optimiser,  # type: ignore[arg-type]
        learning_rate=rate,
        weight_decay=decay,
        label_smoothing=smoothing,
    )
    config = build_fit_config(section)
    built = build_optimiser(build_model(ModelSpec("cnn", input_size=32), 3).classifier, config)
    assert type(built).__name__.lower() == optimiser
    assert {group["lr"] for group in built.param_groups} == {rate}
    assert {group["weight_decay"] for group in built.param_groups} == {0.0, decay}
    wrong = torch.tensor([[0.0, 100.0]])
    loss = CrossEntropyLoss(None, config.label_smoothing).compute_per_image(
        wrong, torch.tensor([0])
    )
    assert float(loss) == pytest.approx(100 * (1 - smoothing / 2), rel=1e-4)


RUN = """\
[project]
name = "bay"

[train]
mlflow = ""

[[train.models]]
name = "cnn"
input_size = 32
model_args = { widths = [4, 8] }
attention = "squeeze-excitation"
head = "dense"
head_units = [6]
epochs = 2
patience = 0
batch_size = 8
optimiser = "nadam"
learning_rate = 0.0123
schedule = "constant"
warmup_share = 0.0
class_weights = true
augmentation = "geometric"
ema = 0.5
"""


def test_a_run_trains_as_the_file_says(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "bay", RUN)
    told(folder, "import", write_labelled_set(folder / "labelled"))
    (compared,) = told(folder, "train")["comparisons"]
    (run_id,) = [path.name for path in (folder / "curves").iterdir()]
    curve = scalars(folder / "curves" / run_id, "learning_rate")
    assert [rate for _, rate in curve] == pytest.approx([0.0123, 0.0123])
    with open_workspace(folder) as workspace:
        card = read_run(workspace.registry.files, run_id).card
        section = workspace.project.train.models[0]
        assert card.config == build_fit_config(section)
        assert card.spec == build_model_spec(workspace, section)
    assert compared["model"] == "cnn"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = 'unlimited'\n", "a cosine needs a last step"),
        ("freeze = true\nhead_steps = 4\n", "set one of the two"),
        ("optimiser = 'lion'\n", "'adamw', 'sgd', 'adam', 'nadam' or 'rmsprop'"),
        ("attention = 'yes'\n", "'none', 'squeeze-excitation' or 'cbam'"),
        ("layer_decay = 0\n", "expected more than 0"),
        ("epochs = 0\n", "expected at least 1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ProjectFileError, match=message):
        load_project(write_project(tmp_path, HEAD + text))


def test_trackers_are_told_where(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\n[train]\nmlflow = "sqlite:///told.db"\nwandb = "offline"\n'
    with open_workspace(write_project(tmp_path, text)) as workspace:
        asked = build_tracking(workspace)
    assert asked.mlflow == f"sqlite:///{tmp_path.resolve()}/told.db"
    assert (asked.wandb, asked.project, asked.folder) == ("offline", "x", tmp_path)


def test_no_tracker_is_told_unless_asked(tmp_path: Path) -> None:
    with open_workspace(write_project(tmp_path, '[project]\nname = "x"\n')) as workspace:
        assert (build_tracking(workspace).mlflow, build_tracking(workspace).wandb) == ("", "")
