"""Each setting is stated once: a key of the project file and the record's field cannot drift."""

import ast
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from collectors.budget import BudgetRule
from collectors.checks.check_settings import CheckSettings
from collectors.collect_settings import CollectSettings
from collectors.fetch.fetched import FetchSettings
from collectors.licences import LicenceRule
from data_registry.duplicates.match_thresholds import MatchThresholds, Radii
from data_registry.images.image_limits import ImageLimits
from data_registry.versions.split_settings import SplitSettings
from flows.config.collection_settings import build_collect_settings
from flows.config.model_settings import (
    build_fit_config,
    build_label_settings,
    build_model_spec,
    build_teacher_backbone,
    build_tracking,
)
from flows.config.project_schema import Project
from flows.config.sections.collect_section import CollectSection
from flows.config.sections.label_section import BackboneSection, LabelSection
from flows.config.sections.model_section import TrainModelSection
from flows.config.sections.search_section import RangeSection, SweepSection
from flows.config.sections.section import Section
from flows.config.sections.setting import (
    Fills,
    define_setting,
    fill_record,
    find_default,
    find_links,
)
from flows.config.settings import (
    build_image_limits,
    build_match_thresholds,
    build_radii,
    build_split_settings,
)
from flows.config.workspace import Workspace, open_workspace
from labeling.rounds.label_settings import LabelSettings
from labeling.teacher.teacher_spec import TeacherSpec
from train.data.augmentation_settings import AugmentationSettings
from train.experiments.sweep_settings import Range, SweepSettings
from train.fitting.fit_config import FitConfig
from train.specs import BackboneSpec, ModelSpec
from train.tracking.tracking_settings import Tracking

# What the project file deliberately says otherwise than the record by itself.
OTHER_DEFAULTS = {
    (TrainModelSection, "steps"): "both arms take the same number of steps; the record has epochs",
    (TrainModelSection, "epochs"): "steps decide unless epochs are given",
    (TrainModelSection, "augmentation"): "crop, unless the model is frozen",
    (TrainModelSection, "weights"): "empty: the teacher's file, or the hub's",
    (LabelSection, "weights"): "empty: the hub's",
    (BackboneSection, "weights"): "empty: the hub's",
}
# Keys whose value is not of the record's type, and what turns it into that.
OTHER_TYPES = {
    (TrainModelSection, "epochs"): 'has "unlimited"',
    (TrainModelSection, "augmentation"): "None: chosen by freeze",
    (TrainModelSection, "steps"): "None where epochs are given",
    (TrainModelSection, "weights"): "empty stands for None",
    (RangeSection, "low"): "whole numbers where both ends are whole",
    (RangeSection, "high"): "whole numbers where both ends are whole",
    (RangeSection, "step"): "whole numbers where both ends are whole",
    (CollectSection, "licences"): "the record takes any name, as a licence file states it",
}
# Fields of the records that no key fills, and why.
WITHOUT_KEY: Mapping[type, set[str]] = {
    FetchSettings: {  # manners that no project needs to change
        "connect_seconds",
        "read_seconds",
        "memory_bytes",
        "max_redirects",
        "tries",
        "patient",
        "pause_seconds",
        "burst",
        "refused_directives",
        "heed_tdm_reservation",
    },
    CheckSettings: {"memory_bytes", "max_aspect", "min_contrast"},  # follows from max_pixels; fixed
    BudgetRule: {"slice_size"},
    CollectSettings: {  # records of their own, the queries, and what the stage knows
        "fetch", "check", "licences", "budget", "class_of_query", "after", "shard_size",
    },
    LabelSettings: {"teacher", "class_of_query"},
    TeacherSpec: {"backbone", "further"},
    BackboneSpec: {"seed"},  # of random weights: the run's
    FitConfig: {"augmentation", "seed"},  # a record of its own; the run's
    SweepSettings: {"space", "patient_until"},  # tables of their own; follows from the objective
    Tracking: {"folder", "project"},
}  # fmt: skip
PACKAGES = Path(__file__).parents[3]


def sections_below(section: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield section
    for info in section.model_fields.values():
        for inner in sections_in(info.annotation):
            yield from sections_below(inner)


def sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from sections_in(inner)


SECTIONS = tuple(dict.fromkeys(sections_below(Project)))
LINKS = [(section, key, link) for section in SECTIONS for key, link in find_links(section)]
RECORDS = tuple(dict.fromkeys(record for _, _, link in LINKS for record in link.records))


def named(link: tuple[type[BaseModel], str, Fills]) -> str:
    return f"{link[0].__name__}.{link[1]}"


def default_of(section: type[BaseModel], key: str) -> Any:
    return section.model_fields[key].get_default(call_default_factory=True)


def plain_type(annotation: Any) -> Any:
    """Return the type without bounds and validators; a mapping is a dict."""
    if get_origin(annotation) is Annotated:
        return plain_type(get_args(annotation)[0])
    inner = tuple(plain_type(each) for each in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return frozenset(inner)
    origin = get_origin(annotation)
    return (dict if origin is Mapping or origin is dict else origin, inner) if inner else annotation


def test_every_table_is_walked() -> None:
    names = {section.__name__ for section in SECTIONS}
    assert {"CollectSection", "TrainModelSection", "SweepSection", "BackboneSection"} <= names
    assert len(RECORDS) > 12
    assert len(LINKS) > 80


@pytest.mark.parametrize("link", LINKS, ids=named)
def test_a_key_and_its_field_agree(link: tuple[type[BaseModel], str, Fills]) -> None:
    section, key, fills = link
    for record in fills.records:
        assert is_dataclass(record)
        (item,) = [item for item in fields(record) if item.name == fills.name]
        if not section.model_fields[key].is_required() and link[:2] not in OTHER_DEFAULTS:
            assert item.default is not MISSING or item.default_factory is not MISSING
            assert fills.read(default_of(section, key)) == find_default(record, fills.name)
        if fills.convert is None and link[:2] not in OTHER_TYPES:
            expected = plain_type(typing.get_type_hints(record)[fills.name])
            found = plain_type(section.model_fields[key].annotation)
            # A spec's None stands for what the model brings; the key has no such word.
            assert found == expected or expected == frozenset({found, type(None)})


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_field_has_its_key(record: type) -> None:
    filled = {link.name for _, _, link in LINKS if record in link.records}
    names = {item.name for item in fields(record)}
    assert filled | WITHOUT_KEY.get(record, set()) == names
    assert not filled & WITHOUT_KEY.get(record, set())


def read_attributes() -> set[str]:
    files = [
        file
        for file in (PACKAGES / "flows").rglob("*.py")
        if file.parent.name != "sections" and file.name != "project_schema.py"
    ]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def test_every_other_key_is_read_by_flows() -> None:
    read = read_attributes() | {"queries", "group", "background"}  # by the project's properties
    linked = {(section, key) for section, key, _ in LINKS}
    for section in SECTIONS:
        for key in section.model_fields:
            assert (section, key) in linked or key in read, (section.__name__, key)


def bounds(info: FieldInfo) -> tuple[float | None, float | None]:
    low = [item.gt if isinstance(item, Gt) else item.ge for item in info.metadata
           if isinstance(item, Gt | Ge)]  # fmt: skip
    high = [item.lt if isinstance(item, Lt) else item.le for item in info.metadata
            if isinstance(item, Lt | Le)]  # fmt: skip
    return (low[0] if low else None), (high[0] if high else None)  # type: ignore[return-value]


BY_HAND: dict[str, Any] = {
    "contact": "me@example.org", "licences": ("BY",), "allow_loopback": ("127.0.0.1:8000",),
    "mean": (0.1, 0.2, 0.3), "std": (0.3, 0.2, 0.1), "input_size": 64, "micro_batch": 4,
    "model_args": {"widths": 3}, "weights": "pretrained", "backbone": "cnn", "name": "vgg16",
    "head_units": (7,), "learns": "groups", "attention": "cbam", "head": "dense",
    "precision": "float32", "optimiser": "sgd", "schedule": "step", "augmentation": "geometric",
    "mode": "finetune", "policy": "threshold", "sampler": "random", "wandb": "offline",
    "mlflow": "http://127.0.0.1:5000", "weight_decay": 0.5, "epochs": 7, "low": 2, "high": 9,
    "step": 3, "log": False,
}  # fmt: skip


def other_value(section: type[BaseModel], key: str) -> Any:
    """Choose a value that the key may have and that is not its default."""
    if key in BY_HAND:
        return BY_HAND[key]
    info, default = section.model_fields[key], default_of(section, key)
    if isinstance(default, bool):
        return not default
    low, high = bounds(info)
    if isinstance(default, int) and info.annotation is int:
        return default + 1 if high is None or default < high else default - 1
    middle = ((low or 0) + (default + 2 if high is None else high)) / 2
    return middle if middle != default else middle * 0.9


def built_from(workspace: Workspace) -> dict[type, Any]:
    """Build the records that the packages take."""
    model, _ = workspace.project.train.models
    (sweep,) = workspace.project.train.sweeps
    collect, label = build_collect_settings(workspace), build_label_settings(workspace)
    (space,) = sweep.space.values()
    assert isinstance(space, RangeSection)
    from flows.training.sweeping import _build_settings

    return {
        FetchSettings: collect.fetch,
        CheckSettings: collect.check,
        CollectSettings: collect,
        LicenceRule: collect.licences,
        BudgetRule: collect.budget,
        ImageLimits: build_image_limits(workspace),
        Radii: build_radii(workspace),
        MatchThresholds: build_match_thresholds(workspace),
        SplitSettings: build_split_settings(workspace),
        LabelSettings: label,
        TeacherSpec: label.teacher,
        BackboneSpec: build_teacher_backbone(workspace),
        ModelSpec: build_model_spec(workspace, model),
        FitConfig: build_fit_config(model),
        AugmentationSettings: build_fit_config(model).augmentation,
        Tracking: build_tracking(workspace),
        SweepSettings: _build_settings(sweep),
        Range: next(iter(_build_settings(sweep).space.values())),
    }


def write_value(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{key} = {write_value(each)}" for key, each in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(write_value, value))}]"
    return repr(value).lower() if isinstance(value, bool) else repr(value)


TABLES = {
    "ProjectSection": "[project]", "CollectSection": "[collect]", "GroupsSection": "[groups]",
    "SplitsSection": "[splits]", "LabelSection": "[label]", "TrainSection": "[train]",
    "TrainModelSection": "[[train.models]]", "SweepSection": "[[train.sweeps]]",
}  # fmt: skip
NEEDED = {"ProjectSection": {"name": "x"}, "SweepSection": {"model": "cnn"}}
# Keys that exclude each other: each time some are left out.
APART = ({"epochs", "freeze"}, {"steps", "freeze"}, {"epochs", "head_steps", "head_learning_rate"})


def project_text(left_out: set[str]) -> str:
    lines = []
    for section in SECTIONS:
        if section is SweepSection:  # a model of groups, as the first one is, cannot be swept
            lines += ["[[train.models]]", 'name = "cnn"']
        if table := TABLES.get(section.__name__):
            keys = [key for key, _ in find_links(section) if key not in left_out]
            values = {key: other_value(section, key) for key in keys}
            lines += [table, *(f"{key} = {write_value(value)}" for key, value in
                               {**NEEDED.get(section.__name__, {}), **values}.items())]  # fmt: skip
        if section is SweepSection:
            lines.append("space = { learning_rate = { low = 2, high = 9, step = 3, log = false } }")
    return "\n".join(lines)


@pytest.mark.parametrize("left_out", APART)
def test_every_key_reaches_its_record(tmp_path: Path, left_out: set[str]) -> None:
    (tmp_path / "ephyra.toml").write_text(project_text(left_out))
    with open_workspace(tmp_path) as workspace:
        built = built_from(workspace)
    for section, key, link in LINKS:
        if key in left_out or section.__name__ not in {*TABLES, "RangeSection"}:
            continue
        for record in link.records:
            if section is LabelSection and record is ModelSpec:
                continue  # of [[train.models]]
            if section is TrainModelSection and record is BackboneSpec:
                continue  # of [label]
            assert getattr(built[record], link.name) == link.read(other_value(section, key)), key


def test_a_drift_is_found() -> None:
    with pytest.raises(AttributeError, match="has no field 'momentun'"):
        define_setting(FitConfig, "momentun", "a slip")

    class Drifted(Section):
        momentum: float = define_setting(FitConfig, "momentum", "of sgd", default=0.5)

    ((key, link),) = find_links(Drifted)
    with pytest.raises(AssertionError):
        test_a_key_and_its_field_agree((Drifted, key, link))
    assert fill_record(FitConfig, Drifted()) == replace(FitConfig(), momentum=0.5)
