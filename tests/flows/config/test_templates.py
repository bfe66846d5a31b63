"""The studies' templates: each states one whole experiment, and every model in it can be had."""

from collections import Counter
from pathlib import Path

import pytest

from flows.config.loader import load_project
from flows.config.model_settings import build_fit_config, build_model_spec
from flows.config.project_schema import Project
from flows.config.scaffold import write_project
from flows.config.workspace import open_workspace
from train.models.building import BUILDERS
from train.models.cnn_presets import PRESETS
from train.models.model_names import resolve_name
from train.reports.coarse import list_group_names

STUDIES = {
    "jellyfish": ("cnn/jellyfish-v1", "cnn/jellyfish-v2", "cnn/jellyfish-v3", "convmixer",
                  "MobileNetV2", "EfficientNetV2-S", "ViT-B/16"),
    "flowers": ("VGG16", "ResNet18", "ResNet34", "ResNet50", "cnn/flowers"),
    "caltech256": ("ConvNeXt-XLarge", "EfficientNetV2-S", "EfficientNetV2-M", "EfficientNetV2-L",
                   "Inception-ResNet-v2", "NASNet-Large", "BEiT", "ResNet50", "EfficientNet-B0"),
    "restaurant": ("cnn/restaurant-scaled", "cnn/restaurant-batchnorm"),
    "produce": ("cnn/fruit", "VGG16", "ResNet50"),
}  # fmt: skip


def project_of(folder: Path, name: str) -> Project:
    write_project(folder, name)
    return load_project(folder)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_s_models_are_all_there_and_can_be_set_up(tmp_path: Path, name: str) -> None:
    project = project_of(tmp_path, name)
    models = project.train.models
    assert list(dict.fromkeys(model.name for model in models)) == list(STUDIES[name])
    with open_workspace(tmp_path) as workspace:
        for model in models:
            build_fit_config(model)
            spec = build_model_spec(workspace, model)
            known = resolve_name(spec.name)
            assert known in PRESETS or known != spec.name or known in BUILDERS, spec.name


def test_the_jellyfish_study_searches_and_knows_its_copies(tmp_path: Path) -> None:
    project = project_of(tmp_path, "jellyfish")
    assert project.groups.name_patterns == ("aug-N-SRC",)
    assert (project.label.mode, project.label.learning_rate) == ("finetune", 1e-4)
    assert project.train.folds == 10
    (sweep,) = project.train.sweeps
    assert (sweep.sampler, sweep.trials, set(sweep.space)) == (
        "random", 10, {"learning_rate", "epochs"},
    )  # fmt: skip


def test_flowers_compares_optimisers(tmp_path: Path) -> None:
    models = project_of(tmp_path, "flowers").train.models
    pairs = {(model.name, model.optimiser) for model in models}
    assert {(name, way) for name in STUDIES["flowers"] for way in ("adam", "rmsprop")} == pairs


def test_caltech_has_two_sizes_and_no_end(tmp_path: Path) -> None:
    largest = [
        model
        for model in project_of(tmp_path, "caltech256").train.models
        if model.name == "ConvNeXt-XLarge"
    ]
    assert [model.input_size for model in largest] == [224, 380]
    for model in largest:
        assert (model.epochs, model.patience, model.optimiser) == ("unlimited", 0, "nadam")
        assert (model.head, model.batch_size, model.rotation, model.shift) == (
            "flatten", 32, 30, 0.2,
        )  # fmt: skip


def test_restaurant_stops_as_the_study_did(tmp_path: Path) -> None:
    project = project_of(tmp_path, "restaurant")
    assert project.splits.seed == project.train.seeds[0] == 123
    for model in project.train.models:
        assert (model.input_size, model.patience, model.min_delta) == (300, 3, 0.001)


def test_produce_asks_whether_attention_helps_and_knows_fruit(tmp_path: Path) -> None:
    project = project_of(tmp_path, "produce")
    fine = [model for model in project.train.models if model.learns == "classes"]
    assert Counter(model.attention for model in fine) == {"none": 3, "squeeze-excitation": 3}
    rates = {model.name: model.learning_rate for model in fine}
    assert rates == {"cnn/fruit": 1e-4, "VGG16": 1e-5, "ResNet50": 1e-4}
    varied = {"name", "attention", "learning_rate"}
    same = {str(model.model_dump(exclude=varied)) for model in fine}
    assert len(same) == 1
    names = tuple(item.name for item in project.classes)
    assert len(names) == 36
    assert list_group_names(names, project.group_of_class) == ("fruit", "vegetable")
    assert [model.learns for model in project.train.models].count("groups") == 1
